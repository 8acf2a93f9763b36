"""What came in and what goes out: everything that leaves the house was a row first."""

from tortoise import fields
from tortoise.models import Model

from storage.models.people import Body, Person
from storage.moments import MomentField
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState, UpdateState

RESTRICT = fields.RESTRICT


class InboxUpdate(Model):
    """An update as it came, before it is acknowledged; `payload` is erased when it is done.

    `chat_id` is what keeps updates of one chat in order.
    """

    id = fields.BigIntField(primary_key=True)
    network = fields.CharEnumField(Network, max_length=32)
    update_id = fields.BigIntField()
    chat_id = fields.BigIntField(null=True)
    payload: fields.JSONField[dict[str, object] | None] = fields.JSONField(null=True)
    state = fields.CharEnumField(UpdateState, max_length=32, db_default=UpdateState.WAITING)
    attempts = fields.SmallIntField(db_default=0)
    error = fields.CharField(max_length=200, null=True)
    received_at = MomentField()
    done_at = MomentField(null=True)

    class Meta:
        table = "inbox_update"
        unique_together = (("network", "update_id"),)
        indexes = (("state", "id"),)


class Notice(Model):
    """Something to tell: who, which template, which facts, from when, once per `key`.

    Addressed to a `person` (post chooses the channel at the moment of sending) or to a chat (`network`, `chat_id`).
    `target_id` is the message that an edit changes or the callback query that a toast answers; `message_id` is what the
    network said it became. A mail's bytes and Message-ID are `frozen` at the first attempt. Of a message in several parts,
    `begun` tells which have left: where to, and in which words.

    An `urgent` one does not wait for the end of somebody's quiet hours; it is then sent silently.
    `due_at` is a time of the domain's clock; `held_until` (a lease, a retry, a pause; of one that is over, when its row is
    looked at again, see `bot.actions.told`) and `sent_at` are the machine's.
    """

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=160, unique=True)
    kind = fields.CharEnumField(NoticeKind, max_length=32)
    lane = fields.CharEnumField(Lane, max_length=32)
    person: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", null=True, on_delete=RESTRICT, related_name="notices"
    )
    body: fields.ForeignKeyNullableRelation[Body] = fields.ForeignKeyField(
        "models.Body", null=True, on_delete=RESTRICT, related_name="notices"
    )
    about = fields.CharField(max_length=64, null=True, db_index=True)
    network = fields.CharEnumField(Network, max_length=32, null=True)
    chat_id = fields.BigIntField(null=True)
    thread_id = fields.BigIntField(null=True)
    target_id = fields.CharField(max_length=64, null=True)
    template = fields.CharField(max_length=64)
    facts: fields.JSONField[dict[str, object]] = fields.JSONField(default=dict)
    silent = fields.BooleanField(db_default=False)
    urgent = fields.BooleanField(db_default=False)
    resend = fields.BooleanField(db_default=True)
    state = fields.CharEnumField(NoticeState, max_length=32, db_default=NoticeState.WAITING)
    due_at = MomentField()
    held_until = MomentField(null=True)
    attempts = fields.SmallIntField(db_default=0)
    error = fields.CharField(max_length=200, null=True)
    frozen = fields.BinaryField(null=True)
    begun = fields.CharField(max_length=64, null=True)
    message_id = fields.BigIntField(null=True)
    created_at = MomentField()
    sent_at = MomentField(null=True)

    person_id: int | None
    body_id: int | None

    class Meta:
        table = "notice"
        indexes = (
            ("state", "lane", "due_at"),
            ("state", "held_until"),
            ("person", "state", "due_at"),
            ("chat_id", "state", "due_at"),
        )


class FeedCache(Model):
    """A person's calendar feed as bytes, built when something changed and never per request."""

    id = fields.IntField(primary_key=True)
    person: fields.OneToOneRelation[Person] = fields.OneToOneField(
        "models.Person", on_delete=RESTRICT, related_name="feed_cache"
    )
    content = fields.BinaryField(null=True)
    etag = fields.CharField(max_length=64, null=True)
    changed_at = MomentField(null=True)
    stale = fields.BooleanField(db_default=True)

    person_id: int

    class Meta:
        table = "feed_cache"
        indexes = (("stale",),)
