"""Words: a template and plain facts become a chat message, a mail or a page, in the reader's language.

German is the language of the templates; `locale/en.po` has the English. A template sees facts and nothing else: no models, no
queries, and a fact that is missing is an error. Buttons stand in the template, beside the text they belong to.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from bot.rules import paging, presses
from bot.rules.join_links import is_address
from bot.rules.refusals import Outdated

TEMPLATES = Path(__file__).parent / "templates"
LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("de", "en")
CALLBACK_BYTES = 64


@dataclass(frozen=True, kw_only=True)
class Button:
    """What can be pressed: `data` goes back to the bot, `url` opens a page."""

    label: str
    data: str | None = None
    url: str | None = None


@dataclass
class Keyboard:
    """Collects the buttons while a template is rendered; a new row begins with `row()`.

    Lists that can grow are shown a page at a time (`page`, from 0): a template says which (`folded`), and puts the way to the
    other pages below (`leaf` of `lists.html`). A message that is read elsewhere than in a chat is `whole`. `template` is named
    where a button is wrong.
    """

    base_url: str
    start_url: str = ""
    page: int = 0
    pages: int = 1
    before: int = 0  # entries on the pages before this one
    whole: bool = False
    rows: list[list[Button]] = field(default_factory=lambda: [[]])
    template: str = ""
    _list: tuple[object, ...] = ()

    def button(self, label: object, code: object, *arguments: object) -> str:
        """A button that sends `code:argument:…`.

        Raises ValueError when that is over 64 bytes, or not what the code's row in `bot/rules/presses.py` says.
        """
        data = ":".join(str(part) for part in (code, *arguments))
        if len(data.encode()) > CALLBACK_BYTES:
            raise ValueError(f"{self.template}: the button {code} carries more than {CALLBACK_BYTES} bytes: {data}")
        try:
            presses.check(data)
        except Outdated as error:
            raise ValueError(f"{self.template}: the button {code} carries what nothing reads: {data}") from error
        self.rows[-1].append(Button(label=_plain(label), data=data))
        return ""

    def link(self, label: str, path: str) -> str:
        """A button that opens a page of ours, or an address of its own when `path` is one."""
        self.rows[-1].append(Button(label=_plain(label), url=path if "://" in path else self.base_url + path))
        return ""

    def start(self, label: str, payload: str) -> str:
        """A button that opens the reader's private chat with Faden and sends `/start payload`."""
        self.rows[-1].append(Button(label=_plain(label), url=self.start_url + payload))
        return ""

    def row(self) -> str:
        """Begin a new row."""
        if self.rows[-1]:
            self.rows.append([])
        return ""

    def folded(self, lists: Sequence[Sequence[Any]], *code: object) -> Sequence[Sequence[Any]]:
        """What of these lists is on the page; `code` is what the button carries that shows the first page of them."""
        if self.whole:
            return lists
        shown = paging.page(sum(map(len, lists)), self.page)
        self.page, self.pages, self.before, self._list = shown.number, shown.of, shown.places.start, code
        return paging.on_page(lists, shown)

    def first(self, entries: Sequence[Any], lists: int = 1) -> Sequence[Any]:
        """The first entries of a list, or of each of several, that is told once and not leafed through.

        Its template says how many there are besides.
        """
        return entries if self.whole else entries[: paging.ENTRIES_OF_A_PAGE // lists]

    def turned(self, page: int, pages: int, *code: object) -> str:
        """The facts are a page of a list already."""
        self.page, self.pages, self._list = page, pages, code
        return ""

    def turn(self, label: str, by: int) -> str:
        """A button to another page of the list."""
        return self.button(label, presses.PAGE, self.page + by, *self._list)

    def here(self, label: object, code: str, *arguments: object) -> str:
        """A button in a list after which the same page is shown again."""
        at = (presses.PAGE, self.page, code) if self.page else (code,)
        return self.button(label, *at, *arguments)

    def filled(self) -> tuple[tuple[Button, ...], ...]:
        """The rows that have a button."""
        return tuple(tuple(row) for row in self.rows if row)


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """Text in the Bot API's HTML, and its buttons."""

    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mail:
    """Subject and both bodies of a mail."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, kw_only=True)
class Voice:
    """How to speak to the reader: language, zone, Sie or Du, where our pages are, and the link that opens their chat.

    What is about a body, a meeting, an item or a commitment says Du where its body does.
    """

    language: str = "de"
    zone: str = "Europe/Berlin"
    informal: bool = False
    base_url: str = ""
    start_url: str = ""
    area_label: str = "Sozialraum"


def _plain(text: object) -> str:
    """Text for where no markup is read: what has been escaped is as it was, what has not stays as it is."""
    return str(text.unescape()) if isinstance(text, Markup) else str(text)


def translations(language: str) -> NullTranslations:
    """The compiled catalogue of a language (`make words` writes it); German is its own translation."""
    path = LOCALE / f"{language}.mo"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        return GNUTranslations(file)


@cache
def environment(language: str) -> Environment:
    """Jinja's environment for a language; one for each is kept."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,  # otherwise every message asks the disk whether its words have changed
    )
    words = translations(language)
    made.install_gettext_callables(  # type: ignore[attr-defined]  # added by the i18n extension
        words.gettext, words.ngettext, newstyle=True
    )
    made.tests["address"] = is_address
    made.filters.update(
        moment=_moment,
        span=_span,
        day=_day,
        clock=_clock,
        oclock=_oclock,
        duration=_duration,
        weekday=_weekday,
        short_day=_short_day,
        month=_month,
    )
    made.globals["language"] = language
    return made


def _local(context: Context, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(context["voice"].zone))


def _language(context: Context) -> str:
    return str(context["language"])


@pass_context
def _clock(context: Context, moment: datetime | time) -> str:
    """14:30; in the hour that the clocks show twice 02:30 (Winterzeit)."""
    return _shown(context, moment) + _which_of_two(context, moment)


@pass_context
def _oclock(context: Context, moment: datetime) -> str:
    """14:30 Uhr, 02:30 Uhr (Winterzeit)."""
    unit = "" if _language(context) == "en" else " Uhr"
    return _shown(context, moment) + unit + _which_of_two(context, moment)


def _shown(context: Context, moment: datetime | time) -> str:
    local = _local(context, moment) if isinstance(moment, datetime) else moment
    return f"{local.hour}:{local:%M}" if _language(context) == "en" else f"{local:%H:%M}"


def _which_of_two(context: Context, moment: datetime | time) -> str:
    """What stands behind a time that the clocks show twice, because they go back in between."""
    if not isinstance(moment, datetime):
        return ""
    local = _local(context, moment)
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return ""
    names = ("summer time", "winter time") if _language(context) == "en" else ("Sommerzeit", "Winterzeit")
    return f" ({names[local.fold]})"


@pass_context
def _day(context: Context, value: date | datetime) -> str:
    """Di, 24.11.2026 (KW 48)."""
    local = _local(context, value) if isinstance(value, datetime) else value
    if _language(context) == "en":
        return format_date(local, "EEE, d MMM yyyy", locale="en") + f" (week {local.isocalendar().week})"
    return format_date(local, "EEE", locale="de").rstrip(".") + local.strftime(
        f", %d.%m.%Y (KW {local.isocalendar().week})"
    )


@pass_context
def _short_day(context: Context, value: date | datetime) -> str:
    """Di, 24.11."""
    local = _local(context, value) if isinstance(value, datetime) else value
    if _language(context) == "en":
        return format_date(local, "EEE, d MMM", locale="en")
    return format_date(local, "EEE", locale="de").rstrip(".") + local.strftime(", %d.%m.")


@pass_context
def _weekday(context: Context, value: date | datetime) -> str:
    local = _local(context, value) if isinstance(value, datetime) else value
    return format_date(local, "EEEE", locale=_language(context))


@pass_context
def _month(context: Context, value: date) -> str:
    """Dezember 2026."""
    return format_date(value, "LLLL yyyy", locale=_language(context))


@pass_context
def _moment(context: Context, moment: datetime) -> str:
    """Di, 24.11.2026 (KW 48), 14:30."""
    return f"{_day(context, moment)}, {_clock(context, moment)}"


@pass_context
def _span(context: Context, starts: datetime, minutes: int) -> str:
    """Di, 24.11.2026 (KW 48), 14:30–16:00."""
    ends = starts.astimezone(UTC) + timedelta(minutes=minutes)  # on the wall it may be an hour more or less
    return f"{_moment(context, starts)}–{_clock(context, ends)}"


@pass_context
def _duration(context: Context, minutes: int) -> str:
    """20 Min., 1 Std. 30 Min."""
    hours, rest = divmod(minutes, 60)
    hour, minute = ("h", "min") if _language(context) == "en" else ("Std.", "Min.")
    parts = ([f"{hours} {hour}"] if hours else []) + ([f"{rest} {minute}"] if rest or not hours else [])
    return " ".join(parts)


def exists(name: str) -> bool:
    """Whether there is such a template, e.g. `chat/help.html`."""
    return (TEMPLATES / name).exists()


def chat(template: str, facts: Mapping[str, Any], voice: Voice, *, whole: bool = False) -> ChatMessage:
    """Render `templates/chat/<template>.html`: of long lists the page that the fact `page` tells, or the `whole` of them.

    Raises jinja2.UndefinedError when a fact is missing. Three or more line breaks become two.
    """
    name = f"chat/{template}.html"
    keyboard = Keyboard(voice.base_url, voice.start_url, page=facts.get("page", 0), whole=whole, template=name)
    text = _rendered(name, facts, voice, keyboard=keyboard)
    return ChatMessage(text=re.sub(r"\n{3,}", "\n\n", text).strip(), buttons=keyboard.filled())


def mail(template: str, facts: Mapping[str, Any], voice: Voice) -> Mail:
    """Render `templates/mail/<template>.html`: its blocks `subject`, `text` and `html`."""
    blocks = environment(voice.language).get_template(f"mail/{template}.html")
    context = blocks.new_context({**facts, "voice": voice, "du": _informal(facts, voice), "base_url": voice.base_url})
    parts = {name: "".join(blocks.blocks[name](context)).strip() for name in ("subject", "text", "html")}
    subject, text = (_plain(Markup(parts[name])) for name in ("subject", "text"))  # noqa: S704  # to plain text
    text = re.sub(r"\n{3,}", "\n\n", text)
    return Mail(subject=" ".join(subject.split()), text=text + "\n", html=parts["html"])


def page(template: str, facts: Mapping[str, Any], voice: Voice) -> str:
    """Render `templates/pages/<template>.html`."""
    return _rendered(f"pages/{template}.html", facts, voice)


def _rendered(name: str, facts: Mapping[str, Any], voice: Voice, **more: object) -> str:
    template = environment(voice.language).get_template(name)
    return template.render(facts, voice=voice, du=_informal(facts, voice), base_url=voice.base_url, **more)


def _informal(facts: Mapping[str, Any], voice: Voice) -> bool:
    """Du or Sie: as in all the bodies that the facts tell of; where they tell of none, as the voice says."""
    entries = [entry for fact in facts.values() for entry in (fact if isinstance(fact, list) else [fact])]
    told = [entry["informal"] for entry in entries if isinstance(entry, Mapping) and "informal" in entry]
    return all(told) if told else voice.informal
