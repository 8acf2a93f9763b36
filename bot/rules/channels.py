"""Which channel a notice takes, and how much of it that channel may carry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.rules import facts as typed
from bot.rules.facts import FULL, NOTHING, TITLES
from storage.vocabulary import Network

WITHOUT_CONTENT = frozenset(  # what Telegram carries to whoever writes or presses there, whatever their level
    {
        "",
        "general/discarded",
        "general/given_up",
        "general/privacy",
        "general/trouble",
        "refusals/not_over_telegram",
        "refusals/hints_only",
    }
)


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A seat that somebody holds today, the levels of its body and of the organisation it is held for, and how one speaks there."""

    body: int
    body_level: int = FULL
    organisation_level: int | None = None
    informal: bool = False


@dataclass(frozen=True, kw_only=True)
class Way:
    """A chat channel of a person that works."""

    network: Network
    address: str
    preferred: bool = False


def person_level(person: int | None, seats: Iterable[Seat], body: int | None) -> int:
    """The level that the person and their organisations set; the strictest wins, and who sets none bounds nothing.

    The organisation is that of the person's seat in the body; without such a seat or body, those of all seats. Where none
    of their bodies lets anything through, nothing else does either.
    """
    held = list(seats)
    there = [seat for seat in held if seat.body == body] or held
    highest = highest_level(person, [(seat.organisation_level, seat.body_level) for seat in held])
    return min(highest, _strictest(person, *(seat.organisation_level for seat in there)))


def highest_level(person: int | None, places: Iterable[tuple[int | None, int]]) -> int:
    """The most that Telegram may ever carry for somebody: what the most open of their seats allows.

    Of each seat `places` has the level of its organisation and that of its body. Who has no seat is bound by their own.
    """
    return max((_strictest(person, *levels) for levels in places), default=_strictest(person))


def body_level(body: int | None, facts: Mapping[str, Any]) -> int | None:
    """The level of the body that a notice is about: told by the row, or else by the facts that carry one; None if neither.

    Lists do not count: each of their entries carries its own.
    """
    if body is not None:
        return body
    told = [facts.get("level"), *(fact.get("level") for fact in facts.values() if isinstance(fact, Mapping))]
    levels = [level for level in told if isinstance(level, int)]
    return min(levels) if levels else None


def bundle_level(facts: Mapping[str, Any]) -> int | None:
    """The level of a bundle over several bodies: that of its most open entry; None when no entry tells its own."""
    lists = [fact for fact in facts.values() if isinstance(fact, list | tuple) and fact and _has_levels(fact)]
    return max((entry["level"] for entries in lists for entry in entries), default=None)


def answer_level(person: int | None, seats: Iterable[Seat], facts: Mapping[str, Any]) -> int:
    """How much Telegram carries of an answer with these facts to somebody with that level and these seats."""
    body = body_level(None, facts)
    return min(person_level(person, seats, None), FULL if body is None else body)


def choose(ways: Iterable[Way], level: int) -> Way | None:
    """The person's preferred way, or else another one; at level 0 Telegram is none."""
    open_ways = [way for way in ways if way.network is not Network.TELEGRAM or level > NOTHING]
    return min(open_ways, key=lambda way: (not way.preferred, way.network is not Network.TELEGRAM), default=None)


def shown_on_telegram(facts: Mapping[str, Any], *, body: int | None, person: int) -> dict[str, Any]:
    """What of the facts Telegram may carry at level 2 or 3.

    When nobody says which body it is about, the default level holds; entries of lists that carry their own keep it.
    """
    if body is not None:
        return typed.at_level(facts, min(body, person))
    lists = {key: fact for key, fact in facts.items() if _has_levels(fact)}
    rest = {key: fact for key, fact in facts.items() if key not in lists}
    return typed.at_level(rest, min(TITLES, person)) | typed.at_level(lists, person)


def everything(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts for a channel that carries all; nothing is folded away."""
    shown: dict[str, Any] = {}
    for key, fact in facts.items():
        shown[key] = _everything(fact)
        if isinstance(fact, list | tuple):
            shown[f"{key}_folded"] = 0
    return shown


def _everything(fact: Any) -> Any:  # noqa: ANN401  # facts of every kind
    if isinstance(fact, Mapping):
        return everything(fact)
    return [_everything(inner) for inner in fact] if isinstance(fact, list | tuple) else fact


def _has_levels(fact: object) -> bool:
    return isinstance(fact, list | tuple) and all(
        isinstance(entry, Mapping) and isinstance(entry.get("level"), int) for entry in fact
    )


def _strictest(*levels: int | None) -> int:
    return min((level for level in levels if level is not None), default=FULL)
