from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from storage.vocabulary import NoticeKind


class Migration(migrations.Migration):
    dependencies = [("models", "0003_what_people_send")]

    initial = False

    operations = [
        ops.AlterField(
            model_name="Notice",
            name="kind",
            field=fields.CharEnumField(
                description="MESSAGE: message\nEDIT: edit\nCAPTION: caption\nTOAST: toast\nCARD: card\nERASE: erase\nMAIL: mail\nCALENDAR_MAIL: calendar_mail",
                enum_type=NoticeKind,
                max_length=32,
            ),
        ),
    ]
