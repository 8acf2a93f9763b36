from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

from storage.moments import MomentField
from storage.vocabulary import CommitmentState

# {told}, {due_on}, {party}, {was}, {version}: what an audit event's facts say, each in the column's type.
_TOLD_OVERDUE = """
INSERT INTO told_overdue (commitment_id, person_id, due_on, told_at)
SELECT c.id, p.id, {due_on}, MIN(e.at)
FROM audit_event e JOIN commitment c ON e.about = 'commitment:' || c.id JOIN person p ON p.id = {told}
WHERE e.what = 'commitment.overdue'
GROUP BY c.id, p.id, {due_on}
"""
_ASKED_TO_TAKE_OVER = """
UPDATE commitment_party SET asked_to_take_over = {true}
WHERE id IN (SELECT {party} FROM audit_event e WHERE e.what = 'commitment.handed_over')
"""
_DONE = """
UPDATE commitment SET done_from = {was}, done_version = {version}, done_by_id = e.person_id
FROM audit_event e
WHERE commitment.state IN ('fulfilled', 'verified') AND e.id = (
    SELECT MAX(e.id) FROM audit_event e
    WHERE e.about = 'commitment:' || commitment.id AND e.what = 'commitment.done' AND {was} IS NOT NULL
)
"""
_VERIFIED = """
UPDATE commitment SET verified_by_id = e.person_id
FROM audit_event e
WHERE commitment.state = 'verified' AND commitment.done_from IS NOT NULL AND e.id = (
    SELECT MAX(e.id) FROM audit_event e
    WHERE e.about = 'commitment:' || commitment.id AND e.what = 'commitment.verified'
)
"""
_CHANGED_BY = """
UPDATE meeting SET {kind}_by_id = (
    SELECT e.person_id FROM audit_event e
    WHERE e.about = 'meeting:' || meeting.id AND e.what = 'meeting.{kind}' ORDER BY e.id DESC LIMIT 1
)
"""


async def carry_over(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Read from the audit log what now has columns of its own; the log itself stays as it is."""
    postgres = editor.client.capabilities.dialect == "postgres"

    def fact(name: str, kind: str | None = None) -> str:
        text = f"(e.facts ->> '{name}')" if postgres else f"json_extract(e.facts, '$.{name}')"
        return f"CAST({text} AS {kind})" if kind else text

    facts = {
        "told": fact("told", "INTEGER"),
        "due_on": fact("due_on", "DATE" if postgres else None),
        "party": fact("party", "INTEGER"),
        "was": fact("was"),
        "version": fact("version", "INTEGER"),
        "true": "true" if postgres else "1",
    }
    for statement in (_TOLD_OVERDUE, _ASKED_TO_TAKE_OVER, _DONE, _VERIFIED):
        await editor.client.execute_query(statement.format(**facts))
    for kind in ("moved", "relocated", "invited"):
        await editor.client.execute_query(_CHANGED_BY.format(kind=kind))


class Migration(migrations.Migration):
    dependencies = [("models", "0006_what_is_due")]

    initial = False

    operations = [
        ops.AlterModelOptions(
            name="AuditEvent",
            options={
                "table": "audit_event",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Who did what to which thing, to be shown; `facts` never hold content that privacy rules would have to erase.",
            },
        ),
        ops.CreateModel(
            name="ToldOverdue",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "commitment",
                    fields.ForeignKeyField(
                        "models.Commitment",
                        source_field="commitment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="told_overdue",
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
                        related_name="told_overdue",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("due_on", fields.DateField()),
                ("told_at", MomentField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "told_overdue",
                "app": "models",
                "unique_together": (("commitment", "person", "due_on"),),
                "pk_attr": "id",
                "table_description": "That somebody was told that a commitment is overdue, once for each due date.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Commitment",
            name="done_by",
            field=fields.ForeignKeyField(
                "models.Person",
                source_field="done_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="commitments_done",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Commitment",
            name="done_from",
            field=fields.CharEnumField(
                null=True,
                description="PROPOSED: proposed\nAGREED: agreed\nIN_PROGRESS: in_progress\nFULFILLED: fulfilled\nVERIFIED: verified\nWAITING: waiting\nBLOCKED: blocked\nDEFERRED: deferred\nORPHANED: orphaned\nDROPPED: dropped\nSUPERSEDED: superseded",
                enum_type=CommitmentState,
                max_length=32,
            ),
        ),
        ops.AddField(
            model_name="Commitment",
            name="done_version",
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name="Commitment",
            name="verified_by",
            field=fields.ForeignKeyField(
                "models.Person",
                source_field="verified_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="commitments_verified",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="CommitmentParty",
            name="asked_to_take_over",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name="Meeting",
            name="invited_by",
            field=fields.ForeignKeyField(
                "models.Person",
                source_field="invited_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="meetings_invited",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Meeting",
            name="moved_by",
            field=fields.ForeignKeyField(
                "models.Person",
                source_field="moved_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="meetings_moved",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Meeting",
            name="relocated_by",
            field=fields.ForeignKeyField(
                "models.Person",
                source_field="relocated_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="meetings_relocated",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.RunPython(carry_over),
    ]
