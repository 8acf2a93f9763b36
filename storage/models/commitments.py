"""Agreements between parties, and how they stand."""

from tortoise import fields
from tortoise.models import Model

from storage.models.meetings import Meeting
from storage.models.people import Body, Organisation, Person
from storage.moments import MomentField
from storage.vocabulary import CheckInAnswer, CommitmentState, DueKind, Role, Side

RESTRICT = fields.RESTRICT


class Commitment(Model):
    """Vereinbarung, numbered per body (C5). Overdue is computed, never stored; `due_moves` counts the moves of the date.

    `agreed_on` is the local day from which "in the next-but-one meeting" is counted. Once somebody has said that it is done,
    `done_from` is the state before that, `done_version` the version by which the lead was told, `done_by` and `verified_by`
    those who said it and who agreed; all four are empty again when it is reopened.
    """

    id = fields.IntField(primary_key=True)
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="commitments"
    )
    number = fields.IntField()
    what = fields.CharField(max_length=500)
    state = fields.CharEnumField(CommitmentState, max_length=32, db_default=CommitmentState.PROPOSED)
    due_kind = fields.CharEnumField(DueKind, max_length=32)
    due_on = fields.DateField(null=True, db_index=True)
    due_moves = fields.SmallIntField(db_default=0)
    agreed_on = fields.DateField()
    reason = fields.CharField(max_length=500, null=True)
    meeting: fields.ForeignKeyNullableRelation[Meeting] = fields.ForeignKeyField(
        "models.Meeting", null=True, on_delete=RESTRICT, related_name="commitments"
    )
    recorded_by: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="commitments_recorded"
    )
    created_at = MomentField()
    changed_at = MomentField()
    version = fields.IntField(db_default=1)
    done_from = fields.CharEnumField(CommitmentState, max_length=32, null=True)
    done_version = fields.IntField(null=True)
    done_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="commitments_done"
    )
    verified_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="commitments_verified"
    )

    body_id: int
    meeting_id: int | None
    recorded_by_id: int
    done_by_id: int | None
    verified_by_id: int | None

    class Meta:
        table = "commitment"
        unique_together = (("body", "number"),)


class CommitmentParty(Model):
    """Who does it or with whom it was agreed: a person, a role of a body, an organisation, a body, or only a name.

    `by_hand`: the one who records vouches for a party without an account. `asked_to_take_over`: they were given it in the place
    of somebody who left; until they confirm, it can be given to somebody else.
    """

    id = fields.IntField(primary_key=True)
    commitment: fields.ForeignKeyRelation[Commitment] = fields.ForeignKeyField(
        "models.Commitment", on_delete=RESTRICT, related_name="parties"
    )
    side = fields.CharEnumField(Side, max_length=32)
    person: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="commitment_parties"
    )
    organisation: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", null=True, on_delete=RESTRICT, related_name="commitment_parties"
    )
    body: fields.ForeignKeyNullableRelation[Body] = fields.ForeignKeyField(
        "models.Body", null=True, on_delete=RESTRICT, related_name="commitment_parties"
    )
    role = fields.CharEnumField(Role, max_length=32, null=True)
    name = fields.CharField(max_length=200, null=True)
    by_hand = fields.BooleanField(db_default=False)
    asked_to_take_over = fields.BooleanField(db_default=False)
    confirmed_at = MomentField(null=True)
    confirmed_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="commitments_confirmed"
    )

    commitment_id: int
    person_id: int | None
    organisation_id: int | None
    body_id: int | None
    confirmed_by_id: int | None

    class Meta:
        table = "commitment_party"
        indexes = (("commitment",), ("person",))


class CommitmentDueIn(Model):
    """Due in the `nth` meeting (1 next, 2 next but one) of a body after the commitment's `agreed_on`; moves with it."""

    id = fields.IntField(primary_key=True)
    commitment: fields.ForeignKeyRelation[Commitment] = fields.ForeignKeyField(
        "models.Commitment", on_delete=RESTRICT, related_name="due_in"
    )
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="commitments_due"
    )
    nth = fields.SmallIntField()

    commitment_id: int
    body_id: int

    class Meta:
        table = "commitment_due_in"
        unique_together = (("commitment", "body"),)


class CheckIn(Model):
    """One question to an owner before the due date, and the answer."""

    id = fields.IntField(primary_key=True)
    commitment: fields.ForeignKeyRelation[Commitment] = fields.ForeignKeyField(
        "models.Commitment", on_delete=RESTRICT, related_name="check_ins"
    )
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="check_ins"
    )
    due_on = fields.DateField()
    asked_at = MomentField(null=True)
    answer = fields.CharEnumField(CheckInAnswer, max_length=32, null=True)
    answered_at = MomentField(null=True)

    commitment_id: int
    person_id: int

    class Meta:
        table = "check_in"
        unique_together = (("commitment", "person", "due_on"),)


class ToldOverdue(Model):
    """That somebody was told that a commitment is overdue, once for each due date.

    Not a column of `CheckIn`: leads are told as well, who are never asked, and a check-in goes when its answer is taken back.
    """

    id = fields.IntField(primary_key=True)
    commitment: fields.ForeignKeyRelation[Commitment] = fields.ForeignKeyField(
        "models.Commitment", on_delete=RESTRICT, related_name="told_overdue"
    )
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="told_overdue"
    )
    due_on = fields.DateField()
    told_at = MomentField()

    commitment_id: int
    person_id: int

    class Meta:
        table = "told_overdue"
        unique_together = (("commitment", "person", "due_on"),)
