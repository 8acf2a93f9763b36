from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint

from storage.moments import MomentField


class Migration(migrations.Migration):
    dependencies = [("models", "0002_calendar_addresses")]

    initial = False

    operations = [
        ops.CreateModel(
            name="SignInRequest",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("address", fields.CharField(max_length=64)),
                ("asked_at", MomentField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sign_in_request",
                "app": "models",
                "indexes": [Index(fields=["address", "asked_at"])],
                "pk_attr": "id",
                "table_description": "That a sign-in link was asked for. `address` is a keyed hash of what was typed, whether or not anybody has that address.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="WebchatMessage",
            name="key",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddIndex(
            model_name="WebchatMessage",
            index=Index(fields=["sender", "file", "sent_at"]),
        ),
        ops.AddConstraint(
            model_name="WebchatMessage",
            constraint=UniqueConstraint(fields=("sender", "key"), name=None),
        ),
        ops.AddIndex(
            model_name="WebchatPress",
            index=Index(fields=["user", "pressed_at"]),
        ),
    ]
