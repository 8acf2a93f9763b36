"""What the Bot API server in the process knows: chats, messages, files, presses, and updates that wait for a bot.

The ids that the Bot API shows (`chat_id`, `user_id`, `message_id`) stand beside keys of our own, because several networks
can live in one database.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from storage.models._tortoise import give_defaults
from storage.moments import MomentField
from storage.vocabulary import Network

RESTRICT = fields.RESTRICT


class ChatType(StrEnum):
    """The Bot API's kinds of chat; channels are of no use here."""

    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"


class MemberStatus(StrEnum):
    """The Bot API's words for how somebody stands to a chat; a bot that a person blocked is `kicked`."""

    CREATOR = "creator"
    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    LEFT = "left"
    KICKED = "kicked"


class WebchatServer(Model):
    """The counters and settings of one network.

    Every write raises `change` first and so holds this row: within a network, changes are committed in the order of their
    numbers, and whoever has read up to a number has missed nothing below it. `allowed_updates` is a list joined by commas;
    NULL stands for the Bot API's default.
    """

    network = fields.CharEnumField(Network, max_length=32, primary_key=True)
    change = fields.BigIntField(db_default=0)
    update_id = fields.BigIntField(db_default=0)
    allowed_updates = fields.TextField(null=True)
    webhook_url = fields.TextField(null=True)
    webhook_secret = fields.CharField(max_length=256, null=True)
    webhook_connections = fields.SmallIntField(db_default=40)

    class Meta:
        table = "webchat_server"


class WebchatUser(Model):
    """A person as the network shows them to the bot."""

    id = fields.BigIntField(primary_key=True)
    network = fields.CharEnumField(Network, max_length=32)
    user_id = fields.BigIntField()
    first_name = fields.CharField(max_length=64)
    last_name = fields.CharField(max_length=64, null=True)
    username = fields.CharField(max_length=32, null=True)
    language_code = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "webchat_user"
        unique_together = (("network", "user_id"),)


class WebchatChat(Model):
    """A chat. A private one has its `person`, and carries that person's id; a group has a title.

    `bot_status` is how the bot stands here; `left` in a private chat: the person never wrote.
    """

    id = fields.BigIntField(primary_key=True)
    network = fields.CharEnumField(Network, max_length=32)
    chat_id = fields.BigIntField()
    type = fields.CharEnumField(ChatType, max_length=32)
    title = fields.CharField(max_length=128, null=True)
    person: fields.ForeignKeyNullableRelation[WebchatUser] = fields.ForeignKeyField(
        "models.WebchatUser", null=True, on_delete=RESTRICT, related_name="private_chats"
    )
    bot_status = fields.CharEnumField(MemberStatus, max_length=32, db_default=MemberStatus.LEFT)
    last_message_id = fields.BigIntField(db_default=0)
    pinned_message_id = fields.BigIntField(null=True)
    migrated_to = fields.BigIntField(null=True)
    change = fields.BigIntField()

    person_id: int | None

    class Meta:
        table = "webchat_chat"
        unique_together = (("network", "chat_id"),)


class WebchatMember(Model):
    """A person's place in a group; who left or was thrown out keeps the row."""

    id = fields.BigIntField(primary_key=True)
    chat: fields.ForeignKeyRelation[WebchatChat] = fields.ForeignKeyField(
        "models.WebchatChat", on_delete=RESTRICT, related_name="members"
    )
    user: fields.ForeignKeyRelation[WebchatUser] = fields.ForeignKeyField(
        "models.WebchatUser", on_delete=RESTRICT, related_name="memberships"
    )
    status = fields.CharEnumField(MemberStatus, max_length=32)

    chat_id: int
    user_id: int

    class Meta:
        table = "webchat_member"
        unique_together = (("chat", "user"),)
        indexes = (("user",),)


class WebchatFile(Model):
    """A file that somebody sent, once, however many messages show it."""

    id = fields.BigIntField(primary_key=True)
    network = fields.CharEnumField(Network, max_length=32)
    file_id = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=255)
    mime = fields.CharField(max_length=127)
    size = fields.IntField()
    content = fields.BinaryField()

    class Meta:
        table = "webchat_file"


class WebchatMessage(Model):
    """A message; `text` is the caption of one that carries a file. Without a sender it is the bot's.

    `service` holds the Bot API's fields of a service message. A deleted message keeps its number and loses its content.
    `key` is what the sender's page called it: sent again, it is still this message.
    """

    id = fields.BigIntField(primary_key=True)
    chat: fields.ForeignKeyRelation[WebchatChat] = fields.ForeignKeyField(
        "models.WebchatChat", on_delete=RESTRICT, related_name="messages"
    )
    message_id = fields.BigIntField()
    sender: fields.ForeignKeyNullableRelation[WebchatUser] = fields.ForeignKeyField(
        "models.WebchatUser", null=True, on_delete=RESTRICT, related_name="messages"
    )
    sent_at = MomentField()
    edited_at = MomentField(null=True)
    text = fields.TextField(db_default="")
    entities: fields.JSONField[list[dict[str, object]]] = fields.JSONField(default=list)
    keyboard: fields.JSONField[list[list[dict[str, object]]] | None] = fields.JSONField(null=True)
    service: fields.JSONField[dict[str, object] | None] = fields.JSONField(null=True)
    file: fields.ForeignKeyNullableRelation[WebchatFile] = fields.ForeignKeyField(
        "models.WebchatFile", null=True, on_delete=RESTRICT, related_name="messages"
    )
    reply_to = fields.BigIntField(null=True)
    thread_id = fields.BigIntField(null=True)
    deleted = fields.BooleanField(db_default=False)
    change = fields.BigIntField()
    key = fields.CharField(max_length=64, null=True)

    chat_id: int
    sender_id: int | None
    file_id: int | None

    class Meta:
        table = "webchat_message"
        unique_together = (("chat", "message_id"), ("sender", "key"))
        indexes = (("chat", "change"), ("sender", "file", "sent_at"), ("file",))


class WebchatPress(Model):
    """A button that somebody pressed, and what the bot answered to it (the toast)."""

    id = fields.BigIntField(primary_key=True)
    message: fields.ForeignKeyRelation[WebchatMessage] = fields.ForeignKeyField(
        "models.WebchatMessage", on_delete=RESTRICT, related_name="presses"
    )
    user: fields.ForeignKeyRelation[WebchatUser] = fields.ForeignKeyField(
        "models.WebchatUser", on_delete=RESTRICT, related_name="presses"
    )
    data = fields.CharField(max_length=64)
    pressed_at = MomentField()
    answered_at = MomentField(null=True)
    answer = fields.CharField(max_length=200, null=True)
    show_alert = fields.BooleanField(db_default=False)
    url: str | None = fields.TextField(null=True)
    change = fields.BigIntField()

    message_id: int
    user_id: int

    class Meta:
        table = "webchat_press"
        indexes = (("user", "change"), ("user", "pressed_at"), ("message",))


class WebchatReading(Model):
    """How far a person has read a chat: up to and with `message_id`."""

    id = fields.BigIntField(primary_key=True)
    chat: fields.ForeignKeyRelation[WebchatChat] = fields.ForeignKeyField(
        "models.WebchatChat", on_delete=RESTRICT, related_name="readings"
    )
    user: fields.ForeignKeyRelation[WebchatUser] = fields.ForeignKeyField(
        "models.WebchatUser", on_delete=RESTRICT, related_name="readings"
    )
    message_id = fields.BigIntField()

    chat_id: int
    user_id: int

    class Meta:
        table = "webchat_reading"
        unique_together = (("chat", "user"),)


class WebchatCommands(Model):
    """A command menu. `scope` is the Bot API's scope as one word, such as `default` or `chat_member:-5:7`."""

    id = fields.BigIntField(primary_key=True)
    network = fields.CharEnumField(Network, max_length=32)
    scope = fields.CharField(max_length=96)
    language_code = fields.CharField(max_length=2, db_default="")
    commands: fields.JSONField[list[dict[str, str]]] = fields.JSONField(default=list)

    class Meta:
        table = "webchat_commands"
        unique_together = (("network", "scope", "language_code"),)


class WebchatUpdate(Model):
    """An update that waits for getUpdates or the webhook. In production the inbox takes updates at once, and none waits."""

    id = fields.BigIntField(primary_key=True)
    network = fields.CharEnumField(Network, max_length=32)
    update_id = fields.BigIntField()
    payload: fields.JSONField[dict[str, object]] = fields.JSONField()
    queued_at = MomentField()

    class Meta:
        table = "webchat_update"
        unique_together = (("network", "update_id"),)


give_defaults()
