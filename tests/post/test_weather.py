"""A network that is away: what waits for it, how it is asked, and what comes when it is back."""

import asyncio
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from telegram.error import NetworkError, TimedOut

from bot.post import dispatch, outbox
from bot.post.weather import Away, Weather
from bot.wire import Crowded
from storage.models import Notice
from storage.vocabulary import Lane, Network, NoticeKind, NoticeState
from tests.post.conftest import Call, Office, Refusal, queue
from tests.post.test_dispatch import broken, chat, codes, leased, opened, sent, until

SECOND = timedelta(seconds=1)
TELEGRAM, WEBCHAT = Network.TELEGRAM, Network.WEBCHAT


def bad_gateway() -> Refusal:
    return Refusal(502, "Bad Gateway")


def hanging() -> NetworkError:
    return broken(TimedOut, aiohttp.SocketTimeoutError())


def cut() -> NetworkError:
    return broken(NetworkError, aiohttp.ServerDisconnectedError())


def unreachable() -> NetworkError:
    return broken(NetworkError, aiohttp.ConnectionTimeoutError())


def answer(key: str, chat_id: int = 101, **more: Any) -> Any:  # noqa: ANN401  # a draft, of facts of every kind
    return chat(key, chat_id, lane=Lane.ANSWER, **more)


# --- what one failure says ----------------------------------------------------------------------------------------------


def test_only_one_at_a_time_may_try_a_network_that_is_away() -> None:
    weather = Weather()
    weather.gone()
    assert not weather.admits()

    weather.may_try()
    admitted = weather.admits()
    weather.enter()

    assert (admitted, weather.admits()) == (True, False)
    with pytest.raises(Away):
        weather.enter()


def test_nobody_needs_a_place_on_a_network_that_is_there() -> None:
    weather = Weather()

    weather.may_try()
    weather.enter()
    weather.enter()

    assert weather.admits()


def test_first_answer_says_that_the_network_is_back_and_that_what_waited_may_go() -> None:
    weather = Weather()
    weather.gone()
    weather.changed.clear()

    weather.answered()

    assert (weather.away, weather.released, weather.changed.is_set()) == (False, False, True)


def test_failure_is_the_networks_until_others_have_arrived_since() -> None:
    weather = Weather()

    blamed = [weather.failed(1), weather.failed(1)]
    weather.answered()
    blamed += [weather.failed(1), weather.failed(1), weather.failed(2)]

    assert blamed == [False, False, True, False, False]


def test_failure_is_the_networks_while_others_fail_as_often_as_they_arrive() -> None:
    weather = Weather()

    blamed = [weather.failed(1)]
    for other in (2, 3, 4):
        weather.answered()
        blamed.append(weather.failed(other))
    blamed.append(weather.failed(1))

    assert blamed == [False] * 5


def test_notice_that_is_written_down_when_the_network_is_back_already_is_let_go_too() -> None:
    weather = Weather()

    weather.held()

    assert (weather.released, weather.changed.is_set()) == (False, True)


def test_news_wake_who_asks_only_while_the_network_is_away() -> None:
    there, gone = Weather(), Weather()
    gone.gone()
    gone.changed.clear()

    there.news()
    gone.news()

    assert (there.changed.is_set(), gone.changed.is_set()) == (False, True)


# --- a network that is away, on a clock set by hand -----------------------------------------------------------------------


@pytest.mark.parametrize("failure", [bad_gateway, unreachable])
async def test_answers_that_met_a_network_away_for_minutes_each_come_once_when_it_is_back(
    office: Office, failure: Callable[[], Refusal | NetworkError]
) -> None:
    office.telegram.away = failure
    post = office.open()
    for number in range(3):
        await post.hand_over(await leased(office, answer(f"k{number}", 101 + number)))
    for _ in range(46):
        office.clock.passes(seconds=1.5)
        await post.drain()
    asked, tried = office.telegram.questions, len(office.telegram.calls)
    waiting = [(row.state, row.attempts) for row in await Notice.all()]

    office.telegram.away = lambda: None
    office.clock.passes(seconds=1.5)
    await post.drain()

    assert (asked >= 46, tried) == (True, 1)
    assert waiting == [(NoticeState.WAITING, 0)] * 3
    assert sorted(call.params["chat_id"] for call in office.telegram.taken) == [101, 102, 103]
    assert {row.state for row in await Notice.all()} == {NoticeState.SENT}


async def test_who_writes_on_while_the_network_is_away_gets_every_answer_in_order(office: Office) -> None:
    office.telegram.away = bad_gateway
    post = office.open()
    for key in "abc":
        await post.hand_over(await leased(office, answer(key)))
        office.clock.passes(seconds=20)

    office.telegram.away = lambda: None
    await post.drain()

    assert codes(office.telegram.said())[-3:] == [(101, "a"), (101, "b"), (101, "c")]
    assert len(office.telegram.taken) == 3


async def test_sending_that_fails_while_questions_are_answered_tries_one_notice_each_time(office: Office) -> None:
    office.telegram.script = lambda _: bad_gateway()
    post = office.open()
    await sent(office, *[chat(f"k{number}", 101 + number) for number in range(5)], post=post)
    tried = len(office.telegram.calls)

    for _ in range(5):
        office.clock.passes(seconds=1.5)
        await post.drain()

    assert (tried, len(office.telegram.calls)) == (1, 6)
    assert len({call.params["chat_id"] for call in office.telegram.calls}) == 5
    assert [row.attempts for row in await Notice.all()] == [0] * 5


@pytest.mark.parametrize("failure", [hanging, cut])
async def test_message_whose_answer_was_lost_is_tried_again_when_something_arrives_and_not_on_a_timer(
    office: Office, failure: Callable[[], NetworkError]
) -> None:
    office.telegram.away = failure
    post = office.open()
    (row,) = await sent(office, chat(), post=post)
    for _ in range(5):
        office.clock.passes(hours=1)
        await post.drain()
    await row.refresh_from_db()
    waiting, tried = (row.state, row.error), len(office.telegram.calls)

    office.telegram.away = lambda: None
    await post.drain()

    await row.refresh_from_db()
    assert (waiting, tried) == ((NoticeState.WAITING, "uncertain"), 1)
    assert (row.state, len(office.telegram.taken)) == (NoticeState.SENT, 1)


async def test_what_cannot_have_arrived_is_tried_before_what_may_have(office: Office) -> None:
    office.telegram.away = hanging
    post = office.open()
    await sent(office, chat("doubtful", 101), chat("certain", 102), post=post)
    assert codes(office.telegram.said()) == [(101, "doubtful")]

    office.telegram.away, office.telegram.script = lambda: None, lambda _: bad_gateway()
    await post.drain()

    assert codes(office.telegram.said())[1:] == [(102, "certain")]


async def test_what_may_have_arrived_tries_ever_more_seldom_while_questions_are_answered_and_sendings_hang(
    office: Office,
) -> None:
    office.telegram.script = lambda _: hanging()
    post = office.open()
    rows = await sent(office, *[chat(f"k{number}", 101 + number) for number in range(8)], post=post)

    for _ in range(150):  # five minutes of questions that are answered
        office.clock.passes(seconds=2)
        await post.drain()
    given_up = await Notice.filter(state=NoticeState.UNCERTAIN).count()
    office.telegram.script = lambda _: None
    office.clock.passes(minutes=30)
    await post.drain()
    await post.drain()

    assert given_up == 3  # at once, after half a minute, after two minutes more
    left = [await Notice.get(id=row.id) for row in rows]
    assert sorted(row.state for row in left) == [NoticeState.SENT] * 5 + [NoticeState.UNCERTAIN] * 3


async def test_answer_on_one_network_does_not_wait_behind_what_waits_for_another(office: Office) -> None:
    office.telegram.away = bad_gateway
    post = office.open()
    await sent(office, *[chat(f"k{number}", 101 + number) for number in range(20)], post=post)
    office.webchat.script = lambda _: bad_gateway() if len(office.webchat.calls) == 1 else None
    (answered,) = await sent(office, answer("a", 1, network=WEBCHAT), post=post)

    office.clock.passes(seconds=1.5)
    await post.drain()
    await answered.refresh_from_db()

    assert answered.state is NoticeState.SENT


async def test_our_own_crowd_says_nothing_of_the_network(office: Office) -> None:
    crowded = broken(TimedOut, Crowded())
    office.telegram.script = lambda call: crowded if call.method == "answerCallbackQuery" or calls() == 2 else None

    def calls() -> int:
        return len(office.telegram.calls)

    post = office.open()
    toast, message = await sent(
        office,
        answer("a", kind=NoticeKind.TOAST, target_id="q"),
        answer("b"),
        post=post,
    )
    waiting, asked = (message.state, message.error, message.attempts), office.telegram.questions
    office.clock.passes(seconds=1)
    await post.drain()
    await message.refresh_from_db()

    assert (toast.state, toast.error) == (NoticeState.DROPPED, "too late")
    assert waiting == (NoticeState.WAITING, None, 0)
    assert (message.state, office.telegram.questions) == (NoticeState.SENT, asked)


async def test_second_loss_is_not_repeated_and_nothing_else_is_lost_with_it(office: Office) -> None:
    office.telegram.script = lambda call: hanging() if call.params["chat_id"] == 101 else None
    post = office.open()
    (row,) = await sent(office, chat(), post=post)

    for _ in range(3):
        await sent(office, chat("other", 102), post=post)
        office.clock.passes(minutes=1)

    await row.refresh_from_db()
    assert (row.state, row.error) == (NoticeState.UNCERTAIN, "uncertain")
    assert sorted(codes(office.telegram.said())) == [(101, "k"), (101, "k"), (102, "other")]


async def test_refusal_shows_that_the_network_is_back(office: Office) -> None:
    office.telegram.away = bad_gateway
    post = office.open()
    await sent(office, chat("refused", 101), chat("good", 102), post=post)
    office.telegram.away = lambda: None
    office.telegram.script = lambda call: Refusal(400, "Bad Request") if call.params["chat_id"] == 101 else None

    await post.drain()

    assert codes(office.telegram.said())[-2:] == [(101, "refused"), (102, "good")]


async def test_notice_waits_for_a_network_that_has_not_answered_since_the_start(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unanswered(_bot: object) -> None:
        raise unreachable()

    post = office.open()
    with monkeypatch.context() as patched:
        patched.setattr(type(office.bots[TELEGRAM]), "initialize", unanswered)
        (row,) = await sent(office, chat(), post=post)
    waiting = (row.state, row.error, row.attempts)

    await post.drain()

    await row.refresh_from_db()
    assert (waiting, row.state) == ((NoticeState.WAITING, "away", 0), NoticeState.SENT)


async def test_web_chat_goes_on_while_telegram_is_away(office: Office) -> None:
    office.telegram.away = hanging
    post = office.open()

    await sent(office, chat("there"), chat("here", 1, network=WEBCHAT), post=post)

    assert codes(office.webchat.said()) == [(1, "here")]


async def test_toast_that_does_not_get_through_is_dropped_and_holds_nothing_up(office: Office) -> None:
    office.telegram.script = lambda call: bad_gateway() if call.method == "answerCallbackQuery" else None
    post = office.open()

    await post.hand_over(await leased(office, answer("t", kind=NoticeKind.TOAST, target_id="q"), answer("a")))
    await post.drain()

    toast, said = await Notice.all().order_by("id")
    assert (toast.state, toast.error, said.state) == (NoticeState.DROPPED, "too late", NoticeState.SENT)


async def test_toast_that_gets_through_lets_nothing_go_that_cannot_be_sent(office: Office) -> None:
    office.telegram.script = lambda call: bad_gateway() if call.method == "sendMessage" else None
    post = office.open()
    rows = await sent(office, *[chat(f"k{number}", 101 + number) for number in range(5)], post=post)

    for number in range(5):
        await post.hand_over(await leased(office, answer(f"t{number}", kind=NoticeKind.TOAST, target_id="q")))
        await post.drain()

    for row in rows:
        await row.refresh_from_db()
    assert [(row.state, row.attempts) for row in rows] == [(NoticeState.WAITING, 0)] * 5


async def test_toast_that_is_throttled_is_dropped(office: Office) -> None:
    office.telegram.script = lambda _: Refusal(429, "Too Many Requests", {"retry_after": 7})

    (row,) = await sent(office, answer("t", kind=NoticeKind.TOAST, target_id="q"))

    assert (row.state, row.error) == (NoticeState.DROPPED, "too late")


async def test_toast_does_not_wait_behind_an_answer_that_is_held_back(office: Office) -> None:
    throttled = Refusal(429, "Too Many", {"retry_after": 7})
    office.telegram.script = lambda call: throttled if call.method == "sendMessage" else None
    post = office.open()
    await post.hand_over(await leased(office, answer("a")))

    await post.hand_over(await leased(office, answer("t", kind=NoticeKind.TOAST, target_id="q"), answer("b")))

    assert [call.method for call in office.telegram.taken] == ["answerCallbackQuery"]


async def test_toast_that_hangs_does_not_delay_the_answer_beside_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "TOAST_SECONDS", 0.01)
    gate = asyncio.Event()

    async def slow(call: Call) -> None:
        if call.method == "answerCallbackQuery":
            await gate.wait()

    office.telegram.meanwhile = slow
    post = office.open()

    await post.hand_over(await leased(office, answer("t", kind=NoticeKind.TOAST, target_id="q"), answer("a")))

    assert [call.method for call in office.telegram.taken] == ["sendMessage"]
    gate.set()
    await post.stop()


async def test_new_update_of_a_chat_pulls_its_answers_forward(office: Office) -> None:
    post = office.open()
    (old,) = await queue(answer("old"), now=office.clock.now)
    (others,) = await queue(answer("others", 102), now=office.clock.now)
    held = office.clock.now + 5 * SECOND
    await Notice.filter(id__in=[old.id, others.id]).update(held_until=held, error=outbox.SERVER)
    await post.take_over()

    await post.hand_over(await leased(office, answer("new")))
    await post.drain()

    assert codes(office.telegram.said()) == [(101, "old"), (101, "new")]


async def test_new_update_does_not_shorten_the_pause_that_telegram_asked_for(office: Office) -> None:
    office.telegram.script = lambda _: Refusal(429, "Too Many", {"retry_after": 7})
    post = office.open()
    await post.hand_over(await leased(office, answer("a")))

    await post.hand_over(await leased(office, answer("b")))
    await post.drain()

    assert len(office.telegram.calls) == 1


async def test_successor_asks_first_whether_the_network_is_back(office: Office) -> None:
    office.telegram.away = hanging
    (row,) = await sent(office, chat(), post=office.open())
    successor = office.open()
    await successor.take_over()

    office.telegram.away = lambda: None
    await successor.drain()

    await row.refresh_from_db()
    assert (row.state, len(office.telegram.taken)) == (NoticeState.SENT, 1)


# --- the running post -------------------------------------------------------------------------------------------------


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are asked in quick succession."""
    monkeypatch.setattr(dispatch, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(dispatch, "FIRST_PROBE_SECONDS", 0.001)


@pytest.mark.usefixtures("quickly")
async def test_running_post_asks_a_network_that_is_away_until_it_is_back(
    office: Office, logged: list[MutableMapping[str, Any]]
) -> None:
    office.telegram.away = bad_gateway

    async with opened(office) as post:
        await queue(*[chat(f"k{number}", 101 + number) for number in range(40)], now=office.clock.now)
        post.wake()
        await until(lambda: office.telegram.questions > 5)
        office.telegram.away = lambda: None
        await until(lambda: len(office.telegram.taken) == 40)

    assert [line["event"] for line in logged] == ["network is away", "network is back"]


@pytest.mark.usefixtures("quickly")
async def test_token_that_is_refused_is_said_once_and_what_waits_goes_when_it_is_accepted_again(
    office: Office, logged: list[MutableMapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "TOKEN_SECONDS", 0.02)
    office.telegram.away = lambda: Refusal(401, "Unauthorized")

    async with opened(office) as post:
        await queue(chat("k"), now=office.clock.now)
        post.wake()
        await until(lambda: office.telegram.questions > 5)
        office.telegram.away = lambda: None
        await until(lambda: any(line["event"] == "network is back" for line in logged))

    assert len(office.telegram.taken) == 1
    assert [line["event"] for line in logged] == [
        "network is away",
        "the network refuses the token; see telegram.token in the settings",
        "network is back",
    ]


@pytest.mark.usefixtures("quickly")
async def test_one_notice_after_the_other_tries_while_questions_are_answered_and_sendings_are_not(
    office: Office,
) -> None:
    office.telegram.script = lambda _: bad_gateway() if len(office.telegram.calls) <= 6 else None

    async with opened(office) as post:
        await queue(chat("a", 101), chat("b", 102), now=office.clock.now)
        post.wake()
        await until(lambda: len(office.telegram.taken) == 2)

    assert [row.attempts for row in await Notice.all()] == [0, 0]


@pytest.mark.usefixtures("quickly")
async def test_question_that_hangs_does_not_delay_the_next_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    get_me = office.bots[TELEGRAM].get_me
    asked: list[int] = []

    async def hangs_at_first(**more: Any) -> object:  # noqa: ANN401  # the library's
        asked.append(len(asked))
        if len(asked) < 4:
            await asyncio.Event().wait()
        office.telegram.away = lambda: None
        return await get_me(**more)

    monkeypatch.setattr(type(office.bots[TELEGRAM]), "get_me", lambda _self, **more: hangs_at_first(**more))
    office.telegram.away = bad_gateway

    async with opened(office) as post:
        await queue(chat(), now=office.clock.now)
        post.wake()
        await until(lambda: len(office.telegram.taken) == 1)

    assert len(asked) >= 4


@pytest.mark.usefixtures("quickly")
async def test_nobody_asks_a_network_that_nothing_waits_for(office: Office) -> None:
    office.telegram.away = bad_gateway

    async with opened(office) as post:
        await post.hand_over(await leased(office, answer("t", kind=NoticeKind.TOAST, target_id="q")))
        await until(lambda: office.telegram.questions > 1)
        asked = office.telegram.questions
        await asyncio.sleep(0.2)

        assert office.telegram.questions == asked


@pytest.mark.usefixtures("quickly")
async def test_what_waited_is_let_go_later_when_the_database_is_away_too(
    office: Office, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    let_go, failures = outbox.let_go, iter(range(2))

    async def failing(network: Network) -> None:
        if network is TELEGRAM and next(failures, None) is not None:
            raise OSError("the database is away")
        await let_go(network)

    monkeypatch.setattr(outbox, "let_go", failing)
    office.telegram.away = bad_gateway

    async with opened(office) as post:
        await queue(*[chat(f"k{number}", 101 + number) for number in range(20)], now=office.clock.now)
        post.wake()
        await until(lambda: office.telegram.questions > 2)
        office.telegram.away = lambda: None
        await until(lambda: len(office.telegram.taken) == 20)

    events = [line["event"] for line in logged]
    assert events.count("what waits for a network cannot be let go") == 2


@pytest.mark.usefixtures("quickly")
async def test_network_is_asked_again_when_the_database_could_not_let_one_go(
    office: Office, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    let_one_go, failures = outbox.let_one_go, iter(range(2))

    async def failing(network: Network, *, perhaps_arrived: bool) -> bool:
        if next(failures, None) is not None:
            raise OSError("the database is away")
        return await let_one_go(network, perhaps_arrived=perhaps_arrived)

    monkeypatch.setattr(outbox, "let_one_go", failing)
    office.telegram.script = lambda _: bad_gateway() if len(office.telegram.calls) == 1 else None

    async with opened(office) as post:
        await queue(chat("a", 101), now=office.clock.now)
        post.wake()
        await until(lambda: len(office.telegram.taken) == 1)

    assert [line["event"] for line in logged].count("nothing can be let go to try a network") == 2
