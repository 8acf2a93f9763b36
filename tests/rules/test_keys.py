from bot.rules import keys

INVITATION = keys.told(12, 3, "meetings/invitation", person=7, invitation=40)


def test_key_names_step_template_reader_and_invitation() -> None:
    assert INVITATION == "meeting:12:3:meetings/invitation:7:40"
    assert INVITATION.startswith(keys.of_step(12, 3))


def test_what_is_told_again_or_for_somebody_else_has_a_key_of_its_own() -> None:
    again = keys.told(12, 3, "meetings/invitation", person=7, invitation=40, missed=900)
    stands_in = keys.told(12, 3, "meetings/invitation", person=7, invitation=40, represented=41)

    assert (again, stands_in) == (f"{INVITATION}:again:900", f"{INVITATION}:for:41")
    released = keys.told(12, 3, "meetings/deputy_released", person=7, invitation=None)
    assert released == "meeting:12:3:meetings/deputy_released:7:None"


def test_message_and_its_calendar_mail_know_each_other() -> None:
    mail = keys.by_mail(INVITATION)

    assert mail == f"{INVITATION}:mail"
    assert (keys.of_message(mail), keys.of_message(INVITATION)) == (INVITATION, INVITATION)
    assert keys.in_full(INVITATION) == f"{INVITATION}:web"


def test_message_about_several_meetings_has_a_mail_for_each() -> None:
    mail = keys.by_mail("seat_lost:1:7:1700000000", 12)

    assert mail == "seat_lost:1:7:1700000000:mail:12"
    assert mail.startswith(keys.by_mail("seat_lost:1:7:1700000000"))
    assert mail.endswith(keys.mail_ending(12))


def test_keys_of_one_step_are_not_those_of_another_that_begins_alike() -> None:
    assert not keys.told(12, 31, "meetings/invitation", person=7, invitation=40).startswith(keys.of_step(12, 3))
