"""A town in numbers: who sits where, and when its bodies meet. No dice: two builds are alike."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import count
from zoneinfo import ZoneInfo

from bot.actions.meetings import meetings
from bot.networks import GROUP_IDS
from storage.vocabulary import Role

ZONE = "Europe/Berlin"
MANY_BODIES = 21  # of one person in twenty
BUSY = 20
PLENARY = 200
DAYS_BETWEEN = 8
GIVEN = ("Anna", "Bekir", "Clara", "David", "Emine", "Frieda", "Georg", "Hanna", "Ilse", "Jonas", "Katrin", "Levin")
FAMILY = (
    "Abel",
    "Berger",
    "Celik",
    "Dorn",
    "Ebert",
    "Falk",
    "Gruber",
    "Huber",
    "Imhof",
    "Jung",
    "Kern",
    "Lang",
    "Moser",
)


@dataclass(frozen=True)
class Shape:
    """How many of what a town has."""

    people: int
    bodies: int
    meetings: int
    items: int
    messages: int
    notices: int


@dataclass(frozen=True)
class Table:
    """Rows for a table. One that is `numbered` has an `id` that the database gives to the next."""

    name: str
    columns: Sequence[str]
    rows: Iterable[tuple[object, ...]]
    numbered: bool = True


@dataclass(frozen=True)
class Seat:
    """Somebody's place in a body."""

    body: int
    person: int
    role: Role


@dataclass(frozen=True)
class Met:
    """A meeting; `ago` counts back from the body's last planned one, and the second is the one invited to."""

    id: int
    body: int
    ago: int
    starts: datetime

    @property
    def told(self) -> bool:
        return self.ago > 0

    @property
    def over(self) -> bool:
        return self.ago > 1


@dataclass(frozen=True)
class Town:
    """A town in numbers: people, bodies and all else count from 1."""

    shape: Shape
    now: datetime
    _hours: dict[date, datetime] = field(default_factory=dict)

    @property
    def busy(self) -> int:
        """Somebody with a seat in 21 bodies."""
        return 1

    @property
    def chair(self) -> int:
        """Who leads the second body; no other seat but perhaps one in the plenary."""
        return self.shape.people // BUSY + 2

    @cached_property
    def member(self) -> int:
        """Somebody with a seat in two bodies, the plenary not among them."""
        held = Counter(seat.person for seats in self.seats.values() for seat in seats)
        leads = {seats[0].person for seats in self.seats.values()}
        away = [one for one, seats in held.items() if seats == 2 and one not in leads and one not in self.members(1)]
        return min(away)

    def code_of(self, person: int) -> str:
        """The code of a body where the person has a seat, the last one."""
        return self.code(max(body for body in self.seats if person in self.members(body)))

    @property
    def led(self) -> str:
        """The code of the body that the chair leads."""
        return self.code(2)

    def code(self, body: int) -> str:
        """How people call a body."""
        return "PLENUM" if body == 1 else f"AK{body}"

    def given_name(self, person: int) -> str:
        """Of somebody."""
        return GIVEN[person % len(GIVEN)]

    def family_name(self, person: int) -> str:
        """Of somebody; nobody else has it."""
        return f"{FAMILY[person % len(FAMILY)]}-{person}"

    def token(self, person: int) -> str:
        """What the browser of a person shows, who has signed in."""
        return f"the-session-of-person-{person}"

    def group(self, body: int) -> int:
        """The chat of a body's group in the web chat."""
        return GROUP_IDS - body

    def met(self, body: int) -> int:
        """How many meetings it has, those that lie ahead among them."""
        return self.shape.meetings // self.shape.bodies + (body <= self.shape.meetings % self.shape.bodies)

    def members(self, body: int) -> list[int]:
        """Who has a seat there."""
        return [seat.person for seat in self.seats[body]]

    @cached_property
    def seats(self) -> dict[int, list[Seat]]:
        """By body: the one who leads it first, then by number. The first body is the plenary."""
        people, bodies = self.shape.people, self.shape.bodies
        busy = people // BUSY
        found: dict[int, dict[int, Seat]] = {body: {} for body in range(1, bodies + 1)}

        def sits(body: int, person: int, role: Role = Role.MEMBER) -> None:
            found[body].setdefault(person, Seat(body, person, role))

        for body in found:
            sits(body, busy + body, Role.CHAIR)
        for person in range(1, people + 1):
            if person <= busy:
                for number in range(MANY_BODIES):
                    sits((person * 13 + number) % bodies + 1, person)
            elif person > busy + bodies or people < 2 * bodies:
                sits(person % bodies + 1, person)
                if person % 2:
                    sits(person * 7 % bodies + 1, person)
        for person in range(1, min(people * 2 // 3, PLENARY) + 1):
            sits(1, person)
        return {body: list(seats.values()) for body, seats in found.items()}

    @cached_property
    def meetings(self) -> list[Met]:
        """All of them, body by body, the last planned one first."""
        numbers = count(1)
        today = self.now.astimezone(ZoneInfo(ZONE)).date()
        return [
            Met(next(numbers), body, ago, self._at(today + timedelta(days=(2 - ago) * DAYS_BETWEEN - 1), body))
            for body in self.seats
            for ago in range(self.met(body))
        ]

    def _at(self, day: date, body: int) -> datetime:
        if day not in self._hours:
            self._hours[day] = meetings.moment(datetime.combine(day, time(8)), ZONE)
        return self._hours[day] + timedelta(hours=body % 9)
