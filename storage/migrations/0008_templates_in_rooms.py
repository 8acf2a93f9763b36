from tortoise import migrations
from tortoise.migrations import operations as ops

_INTO_ROOMS = {
    "accounts": """
        administrator group group_choice group_linked group_lost join join_again join_link join_privacy new_way
        settings sign_in town_bodies town_body town_invite_all town_invited
    """,
    "agenda": """
        agenda item item_accepted item_accepted_toast item_changed item_entered item_handed_in item_length
        item_rejected item_rejected_by_me item_submitted item_taken_back item_withdrawn items_moved items_placed
        topics
    """,
    "commitments": """
        check_in check_in_toast check_in_told commitment overdue
    """,
    "general": """
        calendar calendar_renew discarded given_up help menu nothing_open privacy trouble unknown_command unread
        warned
    """,
    "meetings": """
        answer_entered answer_for answered answered_toast answers cancelled cancelled_by_me deputies
        deputy_released invitation invitation_as_deputy invited meeting moved moved_by_me scheduled told_again
        told_at_once
    """,
    "people": """
        organise organise_body seat seat_end seat_ended seat_ended_by_me seat_lost seats
    """,
}
_STEPS = {  # of guided entries
    "agenda": """
        item_body item_confirm item_kept item_meeting item_minutes item_person item_purpose item_slots
        item_title papers_confirm reject_confirm reject_kept reject_reason retitle_confirm retitle_kept
        retitle_title
    """,
    "commitments": """
        commitment_body commitment_confirm commitment_counterparts commitment_decline_confirm
        commitment_decline_kept commitment_decline_reason commitment_drop_confirm commitment_drop_kept
        commitment_drop_reason commitment_due commitment_due_body commitment_kept commitment_owners
        commitment_what due_confirm due_due due_due_body due_kept due_reason
    """,
    "meetings": """
        cancel_confirm cancel_kept cancel_reason invite_confirm invite_kept invite_reason meeting_body
        meeting_confirm meeting_format meeting_join_link meeting_kept meeting_minutes meeting_place meeting_when
        move_confirm move_minutes move_when place_confirm place_format place_join_link place_kept place_place
    """,
}
_RENAMED = {
    "agenda_choice": "agenda/choice",
    "agenda_order": "agenda/order",
    "commitment_agreed": "commitments/agreed",
    "commitment_confirmed_toast": "commitments/confirmed_toast",
    "commitment_declined": "commitments/declined",
    "commitment_declined_by_me": "commitments/declined_by_me",
    "commitment_dropped": "commitments/dropped",
    "commitment_hand_over": "commitments/hand_over",
    "commitment_handed_over": "commitments/handed_over",
    "commitment_moved": "commitments/moved",
    "commitment_proposed": "commitments/proposed",
    "commitment_recorded": "commitments/recorded",
    "commitment_reopened": "commitments/reopened",
    "commitment_taking_over": "commitments/taking_over",
    "commitment_verified": "commitments/verified",
    "commitments": "commitments/list",
    "commitments_of_body": "commitments/of_body",
    "meeting_card": "meetings/card",
    "meetings": "meetings/list",
    "people_file": "people/file",
    "people_file_dropped": "people/file_dropped",
    "people_file_imported": "people/file_imported",
    "people_file_received": "people/file_received",
    "people_file_unreadable": "people/file_unreadable",
}

RENAMED = {
    **{name: f"{room}/{name}" for room, names in _INTO_ROOMS.items() for name in names.split()},
    **{f"guided/{step}": f"{room}/form/{step}" for room, steps in _STEPS.items() for step in steps.split()},
    **_RENAMED,
}
"""What templates were called that a notice may name, and what they are called in their rooms."""

# A key may have the template in the middle. It is renamed too, so that nobody is told again what was told under the old name.
_RENAME = f"""
WITH renamed (old_name, new_name) AS (VALUES {", ".join(f"('{old}', '{new}')" for old, new in RENAMED.items())})
UPDATE notice
SET template = renamed.new_name,
    key = REPLACE(notice.key, ':' || renamed.old_name || ':', ':' || renamed.new_name || ':')
FROM renamed WHERE notice.template = renamed.old_name
"""  # noqa: S608  # names of ours


class Migration(migrations.Migration):
    dependencies = [("models", "0007_state_of_its_own")]

    initial = False

    operations = [ops.RunSQL(_RENAME)]
