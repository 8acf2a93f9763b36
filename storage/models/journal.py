"""What accompanies the work: open dialogues, papers, the record of who did what."""

from tortoise import fields
from tortoise.models import Model

from storage.models.people import Person
from storage.moments import MomentField
from storage.vocabulary import Network

RESTRICT = fields.RESTRICT


class Dialogue(Model):
    """A guided entry under way: one per person and chat. `bot.rules.dialogue` knows the steps."""

    id = fields.IntField(primary_key=True)
    network = fields.CharEnumField(Network, max_length=32)
    chat_id = fields.BigIntField()
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="dialogues"
    )
    kind = fields.CharField(max_length=32)
    step = fields.CharField(max_length=32)
    data: fields.JSONField[dict[str, object]] = fields.JSONField(default=dict)
    expires_at = MomentField(db_index=True)

    person_id: int

    class Meta:
        table = "dialogue"
        unique_together = (("network", "chat_id", "person"),)


class Document(Model):
    """A file that somebody sent. `content` is empty until it has been fetched from the network that holds `file_id`."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=200)
    mime = fields.CharField(max_length=100)
    size = fields.IntField()
    network = fields.CharEnumField(Network, max_length=32, null=True)
    file_id = fields.CharField(max_length=200, null=True)
    content = fields.BinaryField(null=True)
    uploaded_by: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="documents"
    )
    created_at = MomentField()

    uploaded_by_id: int

    class Meta:
        table = "document"


class AuditEvent(Model):
    """Who did what to which thing, to be shown; `facts` never hold content that privacy rules would have to erase."""

    id = fields.IntField(primary_key=True)
    at = MomentField(db_index=True)
    person: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="audit_events"
    )
    on_behalf_of: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="audit_events_on_behalf"
    )
    what = fields.CharField(max_length=64)
    about = fields.CharField(max_length=64, db_index=True)
    facts: fields.JSONField[dict[str, object]] = fields.JSONField(default=dict)

    person_id: int | None
    on_behalf_of_id: int | None

    class Meta:
        table = "audit_event"


class Remembered(Model):
    """Small things that the program itself must remember: the trial clock, the command lists last set."""

    key = fields.CharField(max_length=64, primary_key=True)
    value: fields.JSONField[object] = fields.JSONField()

    class Meta:
        table = "remembered"
