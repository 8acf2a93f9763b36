import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from storage.models.webchat import ChatType, MemberStatus
from storage.moments import MomentField
from storage.vocabulary import (
    Answer,
    BodyKind,
    ChannelState,
    CheckInAnswer,
    CommitmentState,
    DueKind,
    ItemState,
    Lane,
    MeetingFormat,
    MeetingState,
    Network,
    NoticeKind,
    NoticeState,
    OrganisationKind,
    Presence,
    Purpose,
    Role,
    Side,
    TokenPurpose,
    TopicState,
    UpdateState,
)


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Body",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.CharField(unique=True, max_length=32)),
                ("name", fields.CharField(max_length=200)),
                (
                    "kind",
                    fields.CharEnumField(
                        description="PROVIDER_CONFERENCE: provider_conference\nREGIONAL_CONFERENCE: regional_conference\nAREA_TEAM: area_team\nWORKING_GROUP: working_group\nCOMMITTEE: committee\nORGANISING_GROUP: organising_group\nEXTERNAL: external",
                        enum_type=BodyKind,
                        max_length=32,
                    ),
                ),
                (
                    "parent",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="parent_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="children",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("level", fields.SmallIntField(default=2, db_default=2)),
                ("informal", fields.BooleanField(default=False, db_default=False)),
                ("mail", fields.CharField(null=True, max_length=254)),
                ("place", fields.CharField(null=True, max_length=200)),
                ("join_link", fields.CharField(null=True, max_length=500)),
                (
                    "rules",
                    fields.JSONField(
                        default=dict, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("version", fields.IntField(default=1, db_default=1)),
            ],
            options={
                "table": "body",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Gremium. `rules` holds the rules of procedure as `bot.rules.procedure` reads them; every one may be unset.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="InboxUpdate",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("update_id", fields.BigIntField()),
                ("chat_id", fields.BigIntField(null=True)),
                (
                    "payload",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                (
                    "state",
                    fields.CharEnumField(
                        default=UpdateState.WAITING,
                        description="WAITING: waiting\nDONE: done\nPARKED: parked",
                        db_default=UpdateState.WAITING,
                        enum_type=UpdateState,
                        max_length=32,
                    ),
                ),
                ("attempts", fields.SmallIntField(default=0, db_default=0)),
                ("error", fields.CharField(null=True, max_length=200)),
                ("received_at", MomentField(auto_now=False, auto_now_add=False)),
                ("done_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "inbox_update",
                "app": "models",
                "unique_together": (("network", "update_id"),),
                "indexes": [Index(fields=["state", "id"])],
                "pk_attr": "id",
                "table_description": "An update as it came, before it is acknowledged; `payload` is erased when it is done.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Organisation",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=64)),
                ("name", fields.CharField(max_length=200)),
                (
                    "kind",
                    fields.CharEnumField(
                        description="PUBLIC: public\nFREE: free\nPARTNER: partner",
                        enum_type=OrganisationKind,
                        max_length=32,
                    ),
                ),
                ("level", fields.SmallIntField(null=True)),
            ],
            options={
                "table": "organisation",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Träger or institution.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Area",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=64)),
                ("name", fields.CharField(max_length=200)),
                (
                    "lead",
                    fields.ForeignKeyField(
                        "models.Organisation",
                        source_field="lead_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="areas_led",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "area",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Sozialraum; what a town calls it is a setting.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="BodyArea",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="areas",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "area",
                    fields.ForeignKeyField(
                        "models.Area",
                        source_field="area_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bodies",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "body_area",
                "app": "models",
                "unique_together": (("body", "area"),),
                "pk_attr": "id",
                "table_description": "Which areas a body is for.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Person",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=64)),
                ("given_name", fields.CharField(max_length=100)),
                ("family_name", fields.CharField(max_length=100)),
                ("salutation", fields.CharField(null=True, max_length=40)),
                ("mail", fields.CharField(null=True, unique=True, max_length=254)),
                ("language", fields.CharField(default="de", db_default="de", max_length=2)),
                ("zone", fields.CharField(default="Europe/Berlin", db_default="Europe/Berlin", max_length=64)),
                ("quiet_from", fields.SmallIntField(default=1140, db_default=1140)),
                ("quiet_until", fields.SmallIntField(default=420, db_default=420)),
                ("absent_from", fields.DateField(null=True)),
                ("absent_until", fields.DateField(null=True)),
                ("level", fields.SmallIntField(null=True)),
                ("administrator", fields.BooleanField(default=False, db_default=False)),
                ("privacy_read_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("left_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("version", fields.IntField(default=1, db_default=1)),
            ],
            options={
                "table": "person",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Somebody with a seat, or an administrator.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", MomentField(db_index=True, auto_now=False, auto_now_add=False)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="audit_events",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "on_behalf_of",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="on_behalf_of_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="audit_events_on_behalf",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("what", fields.CharField(max_length=64)),
                ("about", fields.CharField(db_index=True, max_length=64)),
                (
                    "facts",
                    fields.JSONField(
                        default=dict, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
            ],
            options={
                "table": "audit_event",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Who did what to which thing; `facts` never hold content that privacy rules would have to erase.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Channel",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="channels",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("address", fields.CharField(max_length=64)),
                (
                    "state",
                    fields.CharEnumField(
                        default=ChannelState.ACTIVE,
                        description="ACTIVE: active\nBLOCKED: blocked\nUNLINKED: unlinked",
                        db_default=ChannelState.ACTIVE,
                        enum_type=ChannelState,
                        max_length=32,
                    ),
                ),
                ("preferred", fields.BooleanField(default=False, db_default=False)),
                ("linked_at", MomentField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "channel",
                "app": "models",
                "unique_together": (("network", "address"), ("person", "network", "state")),
                "pk_attr": "id",
                "table_description": "A way to reach a person; `address` is the user id on Telegram and in the web chat.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Dialogue",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("chat_id", fields.BigIntField()),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="dialogues",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharField(max_length=32)),
                ("step", fields.CharField(max_length=32)),
                (
                    "data",
                    fields.JSONField(
                        default=dict, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("expires_at", MomentField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "dialogue",
                "app": "models",
                "unique_together": (("network", "chat_id", "person"),),
                "pk_attr": "id",
                "table_description": "A guided entry under way: one per person and chat. `bot.rules.dialogue` knows the steps.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Document",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=200)),
                ("mime", fields.CharField(max_length=100)),
                ("size", fields.IntField()),
                (
                    "network",
                    fields.CharEnumField(
                        null=True,
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail",
                        enum_type=Network,
                        max_length=32,
                    ),
                ),
                ("file_id", fields.CharField(null=True, max_length=200)),
                ("content", fields.BinaryField(null=True)),
                (
                    "uploaded_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="uploaded_by_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="documents",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "document",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A file that somebody sent. `content` is empty until it has been fetched from the network that holds `file_id`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FeedCache",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "person",
                    fields.OneToOneField(
                        "models.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="feed_cache",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("content", fields.BinaryField(null=True)),
                ("etag", fields.CharField(null=True, max_length=64)),
                ("changed_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("stale", fields.BooleanField(default=True, db_default=True)),
            ],
            options={
                "table": "feed_cache",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A person's calendar feed as bytes, built when something changed and never per request.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FeedToken",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "person",
                    fields.OneToOneField(
                        "models.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="feed_token",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("generation", fields.IntField(default=1, db_default=1)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "feed_token",
                "app": "models",
                "pk_attr": "id",
                "table_description": "The secret of a person's calendar link, derived from the key and `generation`; renewing raises the generation.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="GroupChat",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="group_chats",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("chat_id", fields.BigIntField()),
                ("thread_id", fields.BigIntField(null=True)),
                (
                    "linked_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="linked_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="groups_linked",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("linked_at", MomentField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "group_chat",
                "app": "models",
                "unique_together": (("network", "chat_id"), ("body", "network")),
                "pk_attr": "id",
                "table_description": "The group of a body on a network; the body's card and pinned message live there.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Meeting",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="meetings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.IntField(null=True)),
                ("title", fields.CharField(max_length=200)),
                (
                    "state",
                    fields.CharEnumField(
                        description="DRAFT: draft\nPOLLING: polling\nSCHEDULED: scheduled\nINVITED: invited\nRUNNING: running\nHELD: held\nCLOSED: closed\nCANCELLED: cancelled",
                        enum_type=MeetingState,
                        max_length=32,
                    ),
                ),
                (
                    "format",
                    fields.CharEnumField(
                        description="PRESENCE: presence\nONLINE: online\nHYBRID: hybrid",
                        enum_type=MeetingFormat,
                        max_length=32,
                    ),
                ),
                ("starts_local", fields.CharField(max_length=16)),
                ("zone", fields.CharField(max_length=64)),
                ("minutes", fields.IntField()),
                ("starts_at", MomentField(db_index=True, auto_now=False, auto_now_add=False)),
                ("ends_at", MomentField(auto_now=False, auto_now_add=False)),
                ("place", fields.CharField(null=True, max_length=200)),
                ("join_link", fields.CharField(null=True, max_length=500)),
                ("uid", fields.CharField(unique=True, max_length=255)),
                ("sequence", fields.IntField(default=0, db_default=0)),
                ("stamp", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("invited_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("short_notice_reason", fields.CharField(null=True, max_length=500)),
                ("cancel_reason", fields.CharField(null=True, max_length=500)),
                (
                    "created_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="created_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="meetings_created",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
                ("changed_at", MomentField(auto_now=False, auto_now_add=False)),
                ("version", fields.IntField(default=1, db_default=1)),
            ],
            options={
                "table": "meeting",
                "app": "models",
                "unique_together": (("body", "number"),),
                "indexes": [Index(fields=["body", "starts_at"])],
                "pk_attr": "id",
                "table_description": "Sitzung.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Attendance",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "meeting",
                    fields.ForeignKeyField(
                        "models.Meeting",
                        source_field="meeting_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="attendances",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="attendances",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("guest_name", fields.CharField(null=True, max_length=200)),
                (
                    "organisation",
                    fields.ForeignKeyField(
                        "models.Organisation",
                        source_field="organisation_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="attendances",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "answer",
                    fields.CharEnumField(
                        default=Answer.OPEN,
                        description="OPEN: open\nACCEPTED: accepted\nTENTATIVE: tentative\nDECLINED: declined\nDELEGATED: delegated",
                        db_default=Answer.OPEN,
                        enum_type=Answer,
                        max_length=32,
                    ),
                ),
                ("answered_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "answered_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="answered_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="answers_entered",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "deputy",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="deputy_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="stands_in",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("deputy_name", fields.CharField(null=True, max_length=200)),
                (
                    "deputy_for",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="deputy_for_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="stood_in_for",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "presence",
                    fields.CharEnumField(
                        default=Presence.UNKNOWN,
                        description="UNKNOWN: unknown\nPRESENT: present\nLATE: late\nEXCUSED: excused\nABSENT: absent",
                        db_default=Presence.UNKNOWN,
                        enum_type=Presence,
                        max_length=32,
                    ),
                ),
                ("invited_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "attendance",
                "app": "models",
                "unique_together": (("meeting", "person"),),
                "indexes": [Index(fields=["person"])],
                "pk_attr": "id",
                "table_description": "What somebody answered to an invitation, and whether they were there; a guest has a name instead of a person.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Commitment",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="commitments",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.IntField()),
                ("what", fields.CharField(max_length=500)),
                (
                    "state",
                    fields.CharEnumField(
                        default=CommitmentState.PROPOSED,
                        description="PROPOSED: proposed\nAGREED: agreed\nIN_PROGRESS: in_progress\nFULFILLED: fulfilled\nVERIFIED: verified\nWAITING: waiting\nBLOCKED: blocked\nDEFERRED: deferred\nORPHANED: orphaned\nDROPPED: dropped\nSUPERSEDED: superseded",
                        db_default=CommitmentState.PROPOSED,
                        enum_type=CommitmentState,
                        max_length=32,
                    ),
                ),
                (
                    "due_kind",
                    fields.CharEnumField(
                        description="DATE: date\nMEETING: meeting\nSTANDING: standing\nNONE: none",
                        enum_type=DueKind,
                        max_length=32,
                    ),
                ),
                ("due_on", fields.DateField(null=True, db_index=True)),
                ("due_moves", fields.SmallIntField(default=0, db_default=0)),
                ("agreed_on", fields.DateField()),
                ("reason", fields.CharField(null=True, max_length=500)),
                (
                    "meeting",
                    fields.ForeignKeyField(
                        "models.Meeting",
                        source_field="meeting_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="commitments",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "recorded_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="recorded_by_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="commitments_recorded",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
                ("changed_at", MomentField(auto_now=False, auto_now_add=False)),
                ("version", fields.IntField(default=1, db_default=1)),
            ],
            options={
                "table": "commitment",
                "app": "models",
                "unique_together": (("body", "number"),),
                "pk_attr": "id",
                "table_description": "Vereinbarung, numbered per body (C5). Overdue is computed, never stored; `due_moves` counts the moves of the date.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CheckIn",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "commitment",
                    fields.ForeignKeyField(
                        "models.Commitment",
                        source_field="commitment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="check_ins",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="check_ins",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("due_on", fields.DateField()),
                ("asked_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "answer",
                    fields.CharEnumField(
                        null=True,
                        description="ON_TRACK: on_track\nDONE: done\nSTUCK: stuck\nNEEDS_HELP: needs_help",
                        enum_type=CheckInAnswer,
                        max_length=32,
                    ),
                ),
                ("answered_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "check_in",
                "app": "models",
                "unique_together": (("commitment", "person", "due_on"),),
                "pk_attr": "id",
                "table_description": "One question to an owner before the due date, and the answer.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CommitmentDueIn",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "commitment",
                    fields.ForeignKeyField(
                        "models.Commitment",
                        source_field="commitment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="due_in",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="commitments_due",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("nth", fields.SmallIntField()),
            ],
            options={
                "table": "commitment_due_in",
                "app": "models",
                "unique_together": (("commitment", "body"),),
                "pk_attr": "id",
                "table_description": "Due in the `nth` meeting (1 next, 2 next but one) of a body after the commitment's `agreed_on`; moves with it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CommitmentParty",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "commitment",
                    fields.ForeignKeyField(
                        "models.Commitment",
                        source_field="commitment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="parties",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "side",
                    fields.CharEnumField(
                        description="OWNER: owner\nCOUNTERPART: counterpart", enum_type=Side, max_length=32
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="commitment_parties",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "organisation",
                    fields.ForeignKeyField(
                        "models.Organisation",
                        source_field="organisation_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="commitment_parties",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="commitment_parties",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "role",
                    fields.CharEnumField(
                        null=True,
                        description="CHAIR: chair\nDEPUTY_CHAIR: deputy_chair\nCOORDINATOR: coordinator\nMINUTE_TAKER: minute_taker\nMODERATOR: moderator\nMEMBER: member\nADVISORY: advisory\nGUEST: guest",
                        enum_type=Role,
                        max_length=32,
                    ),
                ),
                ("name", fields.CharField(null=True, max_length=200)),
                ("by_hand", fields.BooleanField(default=False, db_default=False)),
                ("confirmed_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "confirmed_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="confirmed_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="commitments_confirmed",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "commitment_party",
                "app": "models",
                "indexes": [Index(fields=["commitment"]), Index(fields=["person"])],
                "pk_attr": "id",
                "table_description": "Who does it or with whom it was agreed: a person, a role of a body, an organisation, a body, or only a name.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Membership",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "organisation",
                    fields.ForeignKeyField(
                        "models.Organisation",
                        source_field="organisation_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "deputy",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="deputy_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="deputy_of",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "role",
                    fields.CharEnumField(
                        description="CHAIR: chair\nDEPUTY_CHAIR: deputy_chair\nCOORDINATOR: coordinator\nMINUTE_TAKER: minute_taker\nMODERATOR: moderator\nMEMBER: member\nADVISORY: advisory\nGUEST: guest",
                        enum_type=Role,
                        max_length=32,
                    ),
                ),
                ("begins_on", fields.DateField()),
                ("ends_on", fields.DateField(null=True)),
            ],
            options={
                "table": "membership",
                "app": "models",
                "indexes": [Index(fields=["body", "person"]), Index(fields=["person", "ends_on"])],
                "pk_attr": "id",
                "table_description": 'A seat in a body, for an organisation, from a day to a day (inclusive); without a person it is vacant ("N. N.").',
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Notice",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=160)),
                (
                    "kind",
                    fields.CharEnumField(
                        description="MESSAGE: message\nEDIT: edit\nTOAST: toast\nCARD: card\nERASE: erase\nMAIL: mail\nCALENDAR_MAIL: calendar_mail",
                        enum_type=NoticeKind,
                        max_length=32,
                    ),
                ),
                (
                    "lane",
                    fields.CharEnumField(description="ANSWER: answer\nMAILING: mailing", enum_type=Lane, max_length=32),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="notices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="notices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("about", fields.CharField(null=True, db_index=True, max_length=64)),
                (
                    "network",
                    fields.CharEnumField(
                        null=True,
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail",
                        enum_type=Network,
                        max_length=32,
                    ),
                ),
                ("chat_id", fields.BigIntField(null=True)),
                ("thread_id", fields.BigIntField(null=True)),
                ("target_id", fields.CharField(null=True, max_length=64)),
                ("template", fields.CharField(max_length=64)),
                (
                    "facts",
                    fields.JSONField(
                        default=dict, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                ("silent", fields.BooleanField(default=False, db_default=False)),
                ("urgent", fields.BooleanField(default=False, db_default=False)),
                ("resend", fields.BooleanField(default=True, db_default=True)),
                (
                    "state",
                    fields.CharEnumField(
                        default=NoticeState.WAITING,
                        description="WAITING: waiting\nSENDING: sending\nSENT: sent\nUNCERTAIN: uncertain\nDROPPED: dropped\nDEAD: dead",
                        db_default=NoticeState.WAITING,
                        enum_type=NoticeState,
                        max_length=32,
                    ),
                ),
                ("due_at", MomentField(auto_now=False, auto_now_add=False)),
                ("held_until", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("attempts", fields.SmallIntField(default=0, db_default=0)),
                ("error", fields.CharField(null=True, max_length=200)),
                ("frozen", fields.BinaryField(null=True)),
                ("begun", fields.CharField(null=True, max_length=64)),
                ("message_id", fields.BigIntField(null=True)),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
                ("sent_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "notice",
                "app": "models",
                "indexes": [
                    Index(fields=["state", "lane", "due_at"]),
                    Index(fields=["state", "held_until"]),
                    Index(fields=["person", "state", "due_at"]),
                    Index(fields=["chat_id", "state", "due_at"]),
                ],
                "pk_attr": "id",
                "table_description": "Something to tell: who, which template, which facts, from when, once per `key`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="OneTimeToken",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "purpose",
                    fields.CharEnumField(
                        description="SIGN_IN: sign_in\nINVITATION: invitation\nADMINISTRATOR: administrator",
                        enum_type=TokenPurpose,
                        max_length=32,
                    ),
                ),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="one_time_tokens",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
                ("expires_at", MomentField(db_index=True, auto_now=False, auto_now_add=False)),
                ("used_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "one_time_token",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A link that works once.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Remembered",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("value", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
            ],
            options={
                "table": "remembered",
                "app": "models",
                "pk_attr": "key",
                "table_description": "Small things that the program itself must remember: the trial clock, the command lists last set.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Topic",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("title", fields.CharField(max_length=200)),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="topics",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "submitted_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="submitted_by_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="topics",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "state",
                    fields.CharEnumField(
                        default=TopicState.OPEN,
                        description="OPEN: open\nCLOSED: closed",
                        db_default=TopicState.OPEN,
                        enum_type=TopicState,
                        max_length=32,
                    ),
                ),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "topic",
                "app": "models",
                "indexes": [Index(fields=["body"])],
                "pk_attr": "id",
                "table_description": "Thema: what people care about, over months and bodies; agenda items are its appearances.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AgendaItem",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "topic",
                    fields.ForeignKeyField(
                        "models.Topic",
                        source_field="topic_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="items",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "body",
                    fields.ForeignKeyField(
                        "models.Body",
                        source_field="body_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="items",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "meeting",
                    fields.ForeignKeyField(
                        "models.Meeting",
                        source_field="meeting_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="items",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("position", fields.IntField(default=0, db_default=0)),
                ("title", fields.CharField(default="", db_default="", max_length=200)),
                (
                    "purpose",
                    fields.CharEnumField(
                        description="INFORMATION: information\nCONSULTATION: consultation\nDECISION: decision\nREPORT: report\nCASE_CONSULTATION: case_consultation\nOTHER: other",
                        enum_type=Purpose,
                        max_length=32,
                    ),
                ),
                ("minutes", fields.IntField(null=True)),
                ("slots", fields.SmallIntField(null=True)),
                (
                    "presenter",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="presenter_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="items_presented",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("question", fields.TextField(null=True, unique=False)),
                ("proposal", fields.TextField(null=True, unique=False)),
                (
                    "state",
                    fields.CharEnumField(
                        default=ItemState.PROPOSED,
                        description="PROPOSED: proposed\nACCEPTED: accepted\nDISCUSSED: discussed\nDONE: done\nREJECTED: rejected\nWITHDRAWN: withdrawn\nPOSTPONED: postponed\nPARKED: parked\nMERGED: merged\nHANDED_OVER: handed_over",
                        db_default=ItemState.PROPOSED,
                        enum_type=ItemState,
                        max_length=32,
                    ),
                ),
                ("late", fields.BooleanField(default=False, db_default=False)),
                ("flagged", fields.BooleanField(default=False, db_default=False)),
                ("reason", fields.CharField(null=True, max_length=500)),
                (
                    "submitted_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="submitted_by_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="items",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "entered_by",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="entered_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="items_entered",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("resubmit_on", fields.DateField(null=True)),
                ("postponed", fields.SmallIntField(default=0, db_default=0)),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
                ("version", fields.IntField(default=1, db_default=1)),
            ],
            options={
                "table": "agenda_item",
                "app": "models",
                "indexes": [Index(fields=["body", "state"]), Index(fields=["meeting", "position"])],
                "pk_attr": "id",
                "table_description": "Tagesordnungspunkt. Without a meeting it lies in the body's topic store until `resubmit_on`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AgendaItemPaper",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "item",
                    fields.ForeignKeyField(
                        "models.AgendaItem",
                        source_field="item_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="papers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "document",
                    fields.ForeignKeyField(
                        "models.Document",
                        source_field="document_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="papers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "agenda_item_paper",
                "app": "models",
                "indexes": [Index(fields=["item"])],
                "pk_attr": "id",
                "table_description": "A paper that belongs to an item.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebSession",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("label", fields.CharField(max_length=100)),
                ("created_at", MomentField(auto_now=False, auto_now_add=False)),
                ("seen_at", MomentField(auto_now=False, auto_now_add=False)),
                ("expires_at", MomentField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "web_session",
                "app": "models",
                "indexes": [Index(fields=["person"])],
                "pk_attr": "id",
                "table_description": "A signed-in browser; 30 days rolling.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatCommands",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("scope", fields.CharField(max_length=96)),
                ("language_code", fields.CharField(default="", db_default="", max_length=2)),
                (
                    "commands",
                    fields.JSONField(
                        default=list, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
            ],
            options={
                "table": "webchat_commands",
                "app": "models",
                "unique_together": (("network", "scope", "language_code"),),
                "pk_attr": "id",
                "table_description": "A command menu. `scope` is the Bot API's scope as one word, such as `default` or `chat_member:-5:7`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatFile",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("file_id", fields.CharField(unique=True, max_length=64)),
                ("name", fields.CharField(max_length=255)),
                ("mime", fields.CharField(max_length=127)),
                ("size", fields.IntField()),
                ("content", fields.BinaryField()),
            ],
            options={
                "table": "webchat_file",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A file that somebody sent, once, however many messages show it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatServer",
            fields=[
                (
                    "network",
                    fields.CharEnumField(
                        primary_key=True,
                        unique=True,
                        db_index=True,
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail",
                        enum_type=Network,
                        max_length=32,
                    ),
                ),
                ("change", fields.BigIntField(default=0, db_default=0)),
                ("update_id", fields.BigIntField(default=0, db_default=0)),
                ("allowed_updates", fields.TextField(null=True, unique=False)),
                ("webhook_url", fields.TextField(null=True, unique=False)),
                ("webhook_secret", fields.CharField(null=True, max_length=256)),
                ("webhook_connections", fields.SmallIntField(default=40, db_default=40)),
            ],
            options={
                "table": "webchat_server",
                "app": "models",
                "pk_attr": "network",
                "table_description": "The counters and settings of one network.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatUpdate",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("update_id", fields.BigIntField()),
                ("payload", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("queued_at", MomentField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "webchat_update",
                "app": "models",
                "unique_together": (("network", "update_id"),),
                "pk_attr": "id",
                "table_description": "An update that waits for getUpdates or the webhook. In production the inbox takes updates at once, and none waits.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatUser",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("user_id", fields.BigIntField()),
                ("first_name", fields.CharField(max_length=64)),
                ("last_name", fields.CharField(null=True, max_length=64)),
                ("username", fields.CharField(null=True, max_length=32)),
                ("language_code", fields.CharField(null=True, max_length=16)),
            ],
            options={
                "table": "webchat_user",
                "app": "models",
                "unique_together": (("network", "user_id"),),
                "pk_attr": "id",
                "table_description": "A person as the network shows them to the bot.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatChat",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "network",
                    fields.CharEnumField(
                        description="TELEGRAM: telegram\nWEBCHAT: webchat\nMAIL: mail", enum_type=Network, max_length=32
                    ),
                ),
                ("chat_id", fields.BigIntField()),
                (
                    "type",
                    fields.CharEnumField(
                        description="PRIVATE: private\nGROUP: group\nSUPERGROUP: supergroup",
                        enum_type=ChatType,
                        max_length=32,
                    ),
                ),
                ("title", fields.CharField(null=True, max_length=128)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.WebchatUser",
                        source_field="person_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="private_chats",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "bot_status",
                    fields.CharEnumField(
                        default=MemberStatus.LEFT,
                        description="CREATOR: creator\nADMINISTRATOR: administrator\nMEMBER: member\nLEFT: left\nKICKED: kicked",
                        db_default=MemberStatus.LEFT,
                        enum_type=MemberStatus,
                        max_length=32,
                    ),
                ),
                ("last_message_id", fields.BigIntField(default=0, db_default=0)),
                ("pinned_message_id", fields.BigIntField(null=True)),
                ("migrated_to", fields.BigIntField(null=True)),
                ("change", fields.BigIntField()),
            ],
            options={
                "table": "webchat_chat",
                "app": "models",
                "unique_together": (("network", "chat_id"),),
                "pk_attr": "id",
                "table_description": "A chat. A private one has its `person`, and carries that person's id; a group has a title.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatMember",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "chat",
                    fields.ForeignKeyField(
                        "models.WebchatChat",
                        source_field="chat_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="members",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.WebchatUser",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "status",
                    fields.CharEnumField(
                        description="CREATOR: creator\nADMINISTRATOR: administrator\nMEMBER: member\nLEFT: left\nKICKED: kicked",
                        enum_type=MemberStatus,
                        max_length=32,
                    ),
                ),
            ],
            options={
                "table": "webchat_member",
                "app": "models",
                "unique_together": (("chat", "user"),),
                "pk_attr": "id",
                "table_description": "A person's place in a group; who left or was thrown out keeps the row.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatMessage",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "chat",
                    fields.ForeignKeyField(
                        "models.WebchatChat",
                        source_field="chat_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="messages",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("message_id", fields.BigIntField()),
                (
                    "sender",
                    fields.ForeignKeyField(
                        "models.WebchatUser",
                        source_field="sender_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="messages",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("sent_at", MomentField(auto_now=False, auto_now_add=False)),
                ("edited_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("text", fields.TextField(default="", db_default="", unique=False)),
                (
                    "entities",
                    fields.JSONField(
                        default=list, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads
                    ),
                ),
                (
                    "keyboard",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                (
                    "service",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                (
                    "file",
                    fields.ForeignKeyField(
                        "models.WebchatFile",
                        source_field="file_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="messages",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("reply_to", fields.BigIntField(null=True)),
                ("thread_id", fields.BigIntField(null=True)),
                ("deleted", fields.BooleanField(default=False, db_default=False)),
                ("change", fields.BigIntField()),
            ],
            options={
                "table": "webchat_message",
                "app": "models",
                "unique_together": (("chat", "message_id"),),
                "indexes": [Index(fields=["chat", "change"])],
                "pk_attr": "id",
                "table_description": "A message; `text` is the caption of one that carries a file. Without a sender it is the bot's.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatPress",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "message",
                    fields.ForeignKeyField(
                        "models.WebchatMessage",
                        source_field="message_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="presses",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.WebchatUser",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="presses",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("data", fields.CharField(max_length=64)),
                ("pressed_at", MomentField(auto_now=False, auto_now_add=False)),
                ("answered_at", MomentField(null=True, auto_now=False, auto_now_add=False)),
                ("answer", fields.CharField(null=True, max_length=200)),
                ("show_alert", fields.BooleanField(default=False, db_default=False)),
                ("url", fields.TextField(null=True, unique=False)),
                ("change", fields.BigIntField()),
            ],
            options={
                "table": "webchat_press",
                "app": "models",
                "indexes": [Index(fields=["user", "change"])],
                "pk_attr": "id",
                "table_description": "A button that somebody pressed, and what the bot answered to it (the toast).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebchatReading",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "chat",
                    fields.ForeignKeyField(
                        "models.WebchatChat",
                        source_field="chat_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="readings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.WebchatUser",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="readings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("message_id", fields.BigIntField()),
            ],
            options={
                "table": "webchat_reading",
                "app": "models",
                "unique_together": (("chat", "user"),),
                "pk_attr": "id",
                "table_description": "How far a person has read a chat: up to and with `message_id`.",
            },
            bases=["Model"],
        ),
    ]
