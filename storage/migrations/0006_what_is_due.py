from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0005_webchat_members")]

    initial = False

    operations = [
        ops.AddIndex(
            model_name="FeedCache",
            index=Index(fields=["stale"]),
        ),
        ops.AddIndex(
            model_name="Meeting",
            index=Index(fields=["state", "ends_at"]),
        ),
        ops.AddIndex(
            model_name="WebchatMessage",
            index=Index(fields=["file"]),
        ),
        ops.AddIndex(
            model_name="WebchatPress",
            index=Index(fields=["message"]),
        ),
    ]
