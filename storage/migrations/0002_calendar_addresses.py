from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Attendance",
            name="mailed_to",
            field=fields.CharField(null=True, max_length=254),
        ),
        ops.AddField(
            model_name="Meeting",
            name="organizer",
            field=fields.CharField(null=True, max_length=254),
        ),
    ]
