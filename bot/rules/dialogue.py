"""One table of steps for all guided entries.

A guided entry is a form that is filled in one answer at a time: the current step is the first one that is needed and not yet
answered. So it survives a restart, going back is forgetting the last answer, and an entry that begins half filled (the
one-line command) simply starts further on. Whether a text that looks like case data may stay ("kept") is the first step where
such a text can be there before another question is asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

Data = Mapping[str, Any]

LIFETIME = timedelta(hours=24)


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
        if "redo" in data:
            return {**{key: value for key, value in data.items() if key != "redo"}, **data["redo"]}
        half = self._half(data)
        if half:
            return {key: value for key, value in data.items() if key not in half}
        names = [step.name for step in self.steps]
        preset = data.get("preset", ())
        answered = [name for name in names if name in data and name not in preset]
        if not answered:
            return dict(data)
        gone = set(names[names.index(answered[-1]) :]) - set(preset)
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
    return lambda data: name in data or name in data.get("redo", ())


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
