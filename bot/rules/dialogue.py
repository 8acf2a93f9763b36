"""One table of steps for all guided entries.

A guided entry is a form that is filled in one answer at a time: the current step is the first one that is needed and not yet
answered. So it survives a restart, going back is forgetting the last answer, and an entry that begins half filled (the
one-line command) simply starts further on. Whether a text that looks like case data may stay ("kept") is the first step where
such a text can be there before another question is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

Data = Mapping[str, Any]

LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What an entry keeps beside the answers; it is stored among them (docs/decisions/0008).

    `preset` are the answers that nobody had to give, `redo` is the old answer to a question that is asked again. `suspicious`
    names the text that looks like case data, and `kept` says that it may stay. `source` is the message in which the latest text
    came, and `doubtful` has the message of each text that was asked about. `seen` is the meeting that the entry is about, as it
    stood when the entry began.
    """

    preset: Sequence[str] = ()
    redo: Mapping[str, Any] | None = None
    suspicious: str = ""
    kept: bool = False
    source: int | None = None
    doubtful: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, data: Data) -> "Notes":
        """The notes of an entry, as it is stored."""
        return cls(**{key: value for key, value in data.items() if key in _NOTED})

    @property
    def let_stay(self) -> bool:
        """Whether a text that was asked about may stay: the last question comes when all of those have been answered."""
        return self.kept or bool(self.doubtful)

    @property
    def withheld(self) -> str:
        """The name of the text that is not repeated, because nobody has said yet that it is no case data; else empty."""
        return "" if self.kept else self.suspicious


_NOTED = frozenset(known.name for known in fields(Notes))


def answered(data: Data) -> dict[str, Any]:
    """What people answered, without the notes."""
    return {key: value for key, value in data.items() if key not in _NOTED}


def _always(_data: Data) -> bool:
    return True


@dataclass(frozen=True)
class Step:
    """A question; its answer is kept under `name`. `needed` says whether it is asked at all; `parts`: half an answer."""

    name: str
    needed: Callable[[Data], bool] = _always
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flow:
    """A guided entry: its steps in order. The last is the confirmation and is never answered by itself.

    `redoable` are the steps that the confirmation offers to ask again.
    """

    kind: str
    steps: tuple[Step, ...]
    redoable: tuple[str, ...] = ()

    def current(self, data: Data) -> str:
        """The step that is open now; the last one when everything has been answered."""
        return next(
            (step.name for step in self.steps if step.needed(data) and step.name not in data), self.steps[-1].name
        )

    def back(self, data: Data) -> dict[str, Any]:
        """Without the last answer that the person gave, and without what stood behind it; unchanged at the first step.

        Half an answer goes alone. Answers that nobody had to give (listed in `preset`) are not asked for; one that was to be
        given anew is as before.
        """
        notes = Notes.of(data)
        if notes.redo is not None:
            return {**{key: value for key, value in data.items() if key != "redo"}, **notes.redo}
        half = self._half(data)
        if half:
            return {key: value for key, value in data.items() if key not in half}
        names = [step.name for step in self.steps]
        given = [name for name in names if name in data and name not in notes.preset]
        if not given:
            return dict(data)
        gone = set(names[names.index(given[-1]) :]) - set(notes.preset)
        return {key: value for key, value in data.items() if key not in gone}

    def _half(self, data: Data) -> set[str]:
        """What has been said of the open step."""
        open_step = self.current(data)
        return {part for step in self.steps if step.name == open_step for part in step.parts if data.get(part)}

    def begins(self, data: Data) -> bool:
        """Whether there is no step behind the open one."""
        half = self._half(data)
        asked = {key: value for key, value in data.items() if key not in half}
        return self.back(asked) == asked

    def redo(self, data: Data, name: str) -> dict[str, Any]:
        """Everything is answered; ask for this one again. `back` takes the old answer."""
        return {key: value for key, value in data.items() if key != name} | {"redo": {name: data.get(name)}}


def _has(key: str, *values: object) -> Callable[[Data], bool]:
    return lambda data: data.get(key) in values


def _is(key: str) -> Callable[[Data], bool]:
    return lambda data: bool(data.get(key))


def _on_request(name: str) -> Callable[[Data], bool]:
    """Asked only when somebody wants to answer it (`Flow.redo`)."""
    return lambda data: name in data or name in (Notes.of(data).redo or ())


def _lacks(key: str, *values: object) -> Callable[[Data], bool]:
    return lambda data: data.get(key) not in values


_WHEN = Step("when", parts=("day", "options"))
_MINUTES = Step("minutes", parts=("ends",))

ITEM = Flow(
    "item",
    (
        Step("kept", lambda data: bool(data.get("suspicious")) and data.get("purpose") != "case_consultation"),
        Step("body"),
        Step("meeting"),
        Step("purpose"),
        Step("slots", _has("purpose", "case_consultation")),
        Step("title", _lacks("purpose", "case_consultation")),
        Step("minutes"),
        Step("person", _on_request("person")),
        Step("confirm"),
    ),
    redoable=("meeting", "person"),
)

MEETING = Flow(
    "meeting",
    (
        Step("kept", _is("suspicious")),
        Step("body"),
        _WHEN,
        _MINUTES,
        Step("format"),
        Step("place", _lacks("format", "online")),
        Step("join_link", _lacks("format", "presence")),
        Step("confirm"),
    ),
)

MOVE = Flow("move", (Step("meeting"), _WHEN, _MINUTES, Step("confirm")))

PLACE = Flow(
    "place",
    (
        Step("meeting"),
        Step("kept", _is("suspicious")),
        Step("format"),
        Step("place", _lacks("format", "online")),
        Step("join_link", _lacks("format", "presence")),
        Step("confirm"),
    ),
)

CANCEL = Flow("cancel", (Step("meeting"), Step("reason"), Step("kept", _is("suspicious")), Step("confirm")))

INVITE = Flow(
    "invite",
    (Step("meeting"), Step("reason", _is("short_notice")), Step("kept", _is("suspicious")), Step("confirm")),
)

REJECT = Flow("reject", (Step("item"), Step("reason"), Step("kept", _is("suspicious")), Step("confirm")))

PAPERS = Flow("papers", (Step("item"), Step("confirm")))

RETITLE = Flow("retitle", (Step("item"), Step("title"), Step("kept", _is("suspicious")), Step("confirm")))

COMMITMENT = Flow(
    "commitment",
    (
        Step("kept", _is("suspicious")),
        Step("body"),
        Step("what"),
        Step("owners"),
        Step("counterparts"),
        Step("due"),
        Step("due_body", _has("due", "next", "next_but_one")),
        Step("confirm"),
    ),
)

DUE = Flow(
    "due",
    (
        Step("commitment"),
        Step("due"),
        Step("due_body", _has("due", "next", "next_but_one")),
        Step("reason"),
        Step("kept", _is("suspicious")),
        Step("confirm"),
    ),
)

COMMITMENT_DECLINE = Flow(
    "commitment_decline", (Step("commitment"), Step("reason"), Step("kept", _is("suspicious")), Step("confirm"))
)

COMMITMENT_DROP = Flow(
    "commitment_drop", (Step("commitment"), Step("reason"), Step("kept", _is("suspicious")), Step("confirm"))
)

FLOWS: dict[str, Flow] = {
    flow.kind: flow
    for flow in (
        ITEM,
        MEETING,
        MOVE,
        PLACE,
        CANCEL,
        INVITE,
        REJECT,
        RETITLE,
        PAPERS,
        COMMITMENT,
        DUE,
        COMMITMENT_DECLINE,
        COMMITMENT_DROP,
    )
}
