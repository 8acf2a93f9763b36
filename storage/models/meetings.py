"""Meetings, who comes, and what they talk about."""

from tortoise import fields
from tortoise.models import Model

from storage.models.journal import Document
from storage.models.people import Body, Organisation, Person
from storage.moments import MomentField
from storage.vocabulary import (
    Answer,
    ItemState,
    MeetingFormat,
    MeetingState,
    Presence,
    Purpose,
    TopicState,
)

RESTRICT = fields.RESTRICT


class Meeting(Model):
    """Sitzung.

    What lies in the future keeps its wall time: `starts_local` ("2026-11-24T14:30") in `zone` is the truth, `starts_at`
    and `ends_at` (UTC) are derived from it in one place, `bot.actions.meetings.meetings`. `sequence` and `uid` are RFC 5545's;
    `stamp` is the last DTSTAMP; `organizer` the address that its calendar objects have carried since the first invitation.
    `moved_by` gave it its last other time, `relocated_by` its last other form, place or link.
    """

    id = fields.IntField(primary_key=True)
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="meetings"
    )
    number = fields.IntField(null=True)
    title = fields.CharField(max_length=200)
    state = fields.CharEnumField(MeetingState, max_length=32)
    format = fields.CharEnumField(MeetingFormat, max_length=32)
    starts_local = fields.CharField(max_length=16)
    zone = fields.CharField(max_length=64)
    minutes = fields.IntField()
    starts_at = MomentField(db_index=True)
    ends_at = MomentField()
    place = fields.CharField(max_length=200, null=True)
    join_link = fields.CharField(max_length=500, null=True)
    uid = fields.CharField(max_length=255, unique=True)
    sequence = fields.IntField(db_default=0)
    stamp = MomentField(null=True)
    organizer = fields.CharField(max_length=254, null=True)
    invited_at = MomentField(null=True)
    short_notice_reason = fields.CharField(max_length=500, null=True)
    cancel_reason = fields.CharField(max_length=500, null=True)
    created_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="meetings_created"
    )
    moved_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="meetings_moved"
    )
    relocated_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="meetings_relocated"
    )
    invited_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="meetings_invited"
    )
    created_at = MomentField()
    changed_at = MomentField()
    version = fields.IntField(db_default=1)

    body_id: int
    created_by_id: int | None
    moved_by_id: int | None
    relocated_by_id: int | None
    invited_by_id: int | None

    class Meta:
        table = "meeting"
        indexes = (("body", "starts_at"), ("state", "ends_at"))
        unique_together = (("body", "number"),)


class Attendance(Model):
    """What somebody answered to an invitation, and whether they were there; a guest has a name instead of a person.

    `mailed_to` is the address whose calendar has the meeting; it is forgotten when the meeting is over.
    """

    id = fields.IntField(primary_key=True)
    meeting: fields.ForeignKeyRelation[Meeting] = fields.ForeignKeyField(
        "models.Meeting", on_delete=RESTRICT, related_name="attendances"
    )
    person: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="attendances"
    )
    guest_name = fields.CharField(max_length=200, null=True)
    organisation: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", null=True, on_delete=RESTRICT, related_name="attendances"
    )
    answer = fields.CharEnumField(Answer, max_length=32, db_default=Answer.OPEN)
    answered_at = MomentField(null=True)
    answered_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="answers_entered"
    )
    deputy: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="stands_in"
    )
    deputy_name = fields.CharField(max_length=200, null=True)
    deputy_for: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="stood_in_for"
    )
    presence = fields.CharEnumField(Presence, max_length=32, db_default=Presence.UNKNOWN)
    invited_at = MomentField(null=True)
    mailed_to = fields.CharField(max_length=254, null=True)

    meeting_id: int
    person_id: int | None
    organisation_id: int | None
    answered_by_id: int | None
    deputy_id: int | None
    deputy_for_id: int | None

    class Meta:
        table = "attendance"
        indexes = (("person",),)
        unique_together = (("meeting", "person"),)


class Topic(Model):
    """Thema: what people care about, over months and bodies; agenda items are its appearances."""

    id = fields.IntField(primary_key=True)
    title = fields.CharField(max_length=200)
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="topics"
    )
    submitted_by: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="topics"
    )
    state = fields.CharEnumField(TopicState, max_length=32, db_default=TopicState.OPEN)
    created_at = MomentField()

    body_id: int
    submitted_by_id: int

    class Meta:
        table = "topic"
        indexes = (("body",),)


class AgendaItem(Model):
    """Tagesordnungspunkt. Without a meeting it lies in the body's topic store until `resubmit_on`.

    A Fallberatung has `slots` and no text at all: no case data, ever. `entered_by` is who typed it for somebody else.
    """

    id = fields.IntField(primary_key=True)
    topic: fields.ForeignKeyNullableRelation[Topic] = fields.ForeignKeyField(
        "models.Topic", null=True, on_delete=RESTRICT, related_name="items"
    )
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="items"
    )
    meeting: fields.ForeignKeyNullableRelation[Meeting] = fields.ForeignKeyField(
        "models.Meeting", null=True, on_delete=RESTRICT, related_name="items"
    )
    position = fields.IntField(db_default=0)
    title = fields.CharField(max_length=200, db_default="")
    purpose = fields.CharEnumField(Purpose, max_length=32)
    minutes = fields.IntField(null=True)
    slots = fields.SmallIntField(null=True)
    presenter: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="items_presented"
    )
    question = fields.TextField(null=True)
    proposal = fields.TextField(null=True)
    state = fields.CharEnumField(ItemState, max_length=32, db_default=ItemState.PROPOSED)
    late = fields.BooleanField(db_default=False)
    flagged = fields.BooleanField(db_default=False)
    reason = fields.CharField(max_length=500, null=True)
    submitted_by: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="items"
    )
    entered_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="items_entered"
    )
    resubmit_on = fields.DateField(null=True)
    postponed = fields.SmallIntField(db_default=0)
    created_at = MomentField()
    version = fields.IntField(db_default=1)

    topic_id: int | None
    body_id: int
    meeting_id: int | None
    presenter_id: int | None
    submitted_by_id: int
    entered_by_id: int | None

    class Meta:
        table = "agenda_item"
        indexes = (("body", "state"), ("meeting", "position"))


class AgendaItemPaper(Model):
    """A paper that belongs to an item."""

    id = fields.IntField(primary_key=True)
    item: fields.ForeignKeyRelation[AgendaItem] = fields.ForeignKeyField(
        "models.AgendaItem", on_delete=RESTRICT, related_name="papers"
    )
    document: fields.ForeignKeyRelation[Document] = fields.ForeignKeyField(
        "models.Document", on_delete=RESTRICT, related_name="papers"
    )

    item_id: int
    document_id: int

    class Meta:
        table = "agenda_item_paper"
        indexes = (("item",),)
