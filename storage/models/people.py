"""Organisations, areas, bodies, and the people who sit in them."""

from tortoise import fields
from tortoise.models import Model

from storage.moments import MomentField
from storage.vocabulary import BodyKind, ChannelState, Network, OrganisationKind, Role

RESTRICT = fields.RESTRICT


class Organisation(Model):
    """Träger or institution."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=200)
    kind = fields.CharEnumField(OrganisationKind, max_length=32)
    level = fields.SmallIntField(null=True)

    class Meta:
        table = "organisation"


class Area(Model):
    """Sozialraum; what a town calls it is a setting."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=200)
    lead: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", null=True, on_delete=RESTRICT, related_name="areas_led"
    )

    class Meta:
        table = "area"


class Body(Model):
    """Gremium. `rules` holds the rules of procedure as `bot.rules.procedure` reads them; every one may be unset."""

    id = fields.IntField(primary_key=True)
    code = fields.CharField(max_length=32, unique=True)
    name = fields.CharField(max_length=200)
    kind = fields.CharEnumField(BodyKind, max_length=32)
    parent: fields.ForeignKeyNullableRelation["Body"] = fields.ForeignKeyField(
        "models.Body", null=True, on_delete=RESTRICT, related_name="children"
    )
    level = fields.SmallIntField(db_default=2)
    informal = fields.BooleanField(db_default=False)
    mail = fields.CharField(max_length=254, null=True)
    place = fields.CharField(max_length=200, null=True)
    join_link = fields.CharField(max_length=500, null=True)
    rules: fields.JSONField[dict[str, object]] = fields.JSONField(default=dict)
    version = fields.IntField(db_default=1)

    class Meta:
        table = "body"


class BodyArea(Model):
    """Which areas a body is for."""

    id = fields.IntField(primary_key=True)
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="areas"
    )
    area: fields.ForeignKeyRelation[Area] = fields.ForeignKeyField(
        "models.Area", on_delete=RESTRICT, related_name="bodies"
    )

    class Meta:
        table = "body_area"
        unique_together = (("body", "area"),)


class Person(Model):
    """Somebody with a seat, or an administrator.

    `quiet_from` and `quiet_until` are minutes after local midnight, `absent_from` and `absent_until` inclusive days.
    """

    id = fields.IntField(primary_key=True)
    key = fields.CharField(max_length=64, unique=True)
    given_name = fields.CharField(max_length=100)
    family_name = fields.CharField(max_length=100)
    salutation = fields.CharField(max_length=40, null=True)
    mail = fields.CharField(max_length=254, null=True, unique=True)
    language = fields.CharField(max_length=2, db_default="de")
    zone = fields.CharField(max_length=64, db_default="Europe/Berlin")
    quiet_from = fields.SmallIntField(db_default=19 * 60)
    quiet_until = fields.SmallIntField(db_default=7 * 60)
    absent_from = fields.DateField(null=True)
    absent_until = fields.DateField(null=True)
    level = fields.SmallIntField(null=True)
    administrator = fields.BooleanField(db_default=False)
    privacy_read_at = MomentField(null=True)
    left_at = MomentField(null=True)
    version = fields.IntField(db_default=1)

    class Meta:
        table = "person"


class Channel(Model):
    """A way to reach a person; `address` is the user id on Telegram and in the web chat.

    A new account waits, unlinked, beside the one whose place it will take.
    """

    id = fields.IntField(primary_key=True)
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="channels"
    )
    network = fields.CharEnumField(Network, max_length=32)
    address = fields.CharField(max_length=64)
    state = fields.CharEnumField(ChannelState, max_length=32, db_default=ChannelState.ACTIVE)
    preferred = fields.BooleanField(db_default=False)
    linked_at = MomentField()

    person_id: int

    class Meta:
        table = "channel"
        unique_together = (("network", "address"), ("person", "network", "state"))


class Membership(Model):
    """A seat in a body, for an organisation, from a day to a day (inclusive); without a person it is vacant ("N. N.")."""

    id = fields.IntField(primary_key=True)
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="memberships"
    )
    person: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="memberships"
    )
    organisation: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", null=True, on_delete=RESTRICT, related_name="memberships"
    )
    deputy: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="deputy_of"
    )
    role = fields.CharEnumField(Role, max_length=32)
    begins_on = fields.DateField()
    ends_on = fields.DateField(null=True)

    body_id: int
    person_id: int | None
    organisation_id: int | None
    deputy_id: int | None

    class Meta:
        table = "membership"
        indexes = (("body", "person"), ("person", "ends_on"))


class GroupChat(Model):
    """The group of a body on a network; the body's card and pinned message live there."""

    id = fields.IntField(primary_key=True)
    body: fields.ForeignKeyRelation[Body] = fields.ForeignKeyField(
        "models.Body", on_delete=RESTRICT, related_name="group_chats"
    )
    network = fields.CharEnumField(Network, max_length=32)
    chat_id = fields.BigIntField()
    thread_id = fields.BigIntField(null=True)
    linked_by: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="groups_linked"
    )
    linked_at = MomentField()

    body_id: int

    class Meta:
        table = "group_chat"
        unique_together = (("network", "chat_id"), ("body", "network"))
