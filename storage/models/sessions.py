"""Ways in: sign-in links, web sessions, feed links. Tokens are stored as hashes only."""

from tortoise import fields
from tortoise.models import Model

from storage.models.people import Person
from storage.moments import MomentField
from storage.vocabulary import TokenPurpose

RESTRICT = fields.RESTRICT


class OneTimeToken(Model):
    """A link that works once."""

    id = fields.IntField(primary_key=True)
    purpose = fields.CharEnumField(TokenPurpose, max_length=32)
    token_hash = fields.CharField(max_length=64, unique=True)
    person: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="one_time_tokens"
    )
    created_at = MomentField()
    expires_at = MomentField(db_index=True)
    used_at = MomentField(null=True)

    person_id: int | None

    class Meta:
        table = "one_time_token"


class SignInRequest(Model):
    """That a sign-in link was asked for. `address` is a keyed hash of what was typed, whether or not anybody has that address."""

    id = fields.IntField(primary_key=True)
    address = fields.CharField(max_length=64)
    asked_at = MomentField(db_index=True)

    class Meta:
        table = "sign_in_request"
        indexes = (("address", "asked_at"),)


class WebSession(Model):
    """A signed-in browser; 30 days rolling."""

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    person: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", on_delete=RESTRICT, related_name="sessions"
    )
    label = fields.CharField(max_length=100)
    created_at = MomentField()
    seen_at = MomentField()
    expires_at = MomentField(db_index=True)

    person_id: int

    class Meta:
        table = "web_session"
        indexes = (("person",),)


class FeedToken(Model):
    """The secret of a person's calendar link, derived from the key and `generation`; renewing raises the generation."""

    id = fields.IntField(primary_key=True)
    person: fields.OneToOneRelation[Person] = fields.OneToOneField(
        "models.Person", on_delete=RESTRICT, related_name="feed_token"
    )
    generation = fields.IntField(db_default=1)
    token_hash = fields.CharField(max_length=64, unique=True)
    created_at = MomentField()

    person_id: int

    class Meta:
        table = "feed_token"
