from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0004_captions")]

    initial = False

    operations = [
        ops.AddIndex(
            model_name="WebchatMember",
            index=Index(fields=["user"]),
        ),
    ]
