"""Telegram's HTML, its entities, and back to HTML for the page.

Offsets and lengths of entities count UTF-16 units, as the Bot API does. The time of each function grows with its text.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bot.webchat.errors import ApiError, bad_request

Entity = dict[str, Any]

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
REFERENCES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
HIGHEST_CODE_POINT = 0x10FFFF
MOST_ENTITIES = 100  # as Telegram: what is marked beyond them is plain text

_TEXT = re.compile(r"[^<&]+")
_REFERENCE = re.compile(r"&(?:#(?P<decimal>[0-9]{1,7})|#[xX](?P<hexadecimal>[0-9a-fA-F]{1,6})|(?P<name>[a-zA-Z]+));")
_END_TAG = re.compile(r"</(?P<name>[^\s>]*)\s*>")
_START_TAG = re.compile(r"<(?P<name>[^\s>]*)")
_ATTRIBUTE = re.compile(
    r"""\s*(?P<name>[^\s=>"'/]+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[\w.-]+)(?=[\s>])))?"""
)
_TAG_CLOSES = re.compile(r"\s*>")

_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f]")
_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]*[^\s<>\".,;:!?)\]])"
    r"|(?<![\w.+-])(?P<email>[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w/@])(?P<bot_command>/[a-zA-Z0-9_]{1,32}(?:@[a-zA-Z0-9_]{3,32})?)(?![\w/])"
    r"|(?<!\w)(?P<mention>@[a-zA-Z][a-zA-Z0-9_]{2,31})\b"
)
_FOUND_NOTHING_INSIDE = {"code", "pre", "text_link", "text_mention"}

_PAGE_TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "expandable_blockquote": "blockquote",
}


@dataclass(frozen=True)
class Formatted:
    """Plain text and what is said about its parts."""

    text: str
    entities: list[Entity] = field(default_factory=list)


def utf16_length(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cleaned(text: str) -> str:
    """The text as Telegram keeps it: control characters become spaces, carriage returns go.

    Raises ApiError for lone surrogates, which no UTF-8 can carry.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error
    return _CONTROL.sub(" ", text.replace("\r", ""))


@dataclass
class _Open:
    """A tag that waits for its end; `position` counts characters, `offset` UTF-16 units."""

    tag: str
    attributes: dict[str, str]
    position: int
    offset: int


def parse_html(source: str) -> Formatted:
    """Read Telegram's HTML.

    Stricter than Telegram at one place: an `&` that begins no known reference, which Telegram shows as it stands, is refused
    here, because it is always a forgotten escape. Raises ApiError.
    """
    text = ""
    length = 0
    entities: list[Entity] = []
    nesting: list[_Open] = []
    position = 0
    while position < len(source):
        if match := _TEXT.match(source, position):
            piece = match[0]
        elif source[position] == "&":
            match = _REFERENCE.match(source, position)
            piece = _referred(match) if match else ""
            if match is None or not piece:
                raise _unparsable(f"Unsupported HTML entity at byte offset {_bytes(source, position)}")
        elif match := _END_TAG.match(source, position):
            piece = ""
            opened = _ended(nesting, match["name"], source, position)
            if length > opened.offset and (entity := _entity(opened, text, length - opened.offset)):
                entities.append(entity)
        elif source.startswith("</", position):
            raise _unparsable(f"Unclosed end tag at byte offset {_bytes(source, position)}")
        else:
            piece = ""
            tag, attributes, end = _start_tag(source, position)
            nesting.append(_Open(tag, attributes, len(text), length))
            position = end
            continue
        text += piece
        length += utf16_length(piece)
        position = match.end()
    if nesting:
        raise _unparsable(f'Can\'t find end tag corresponding to start tag "{nesting[-1].tag}"')
    return Formatted(text, in_order(_joined_code(entities)))


def _unparsable(what: str) -> ApiError:
    return bad_request(f"can't parse entities: {what}")


def _bytes(source: str, position: int) -> int:
    return len(source[:position].encode())


def _referred(match: re.Match[str]) -> str:
    """The character behind a reference; nothing when there is none."""
    if match["name"]:
        return REFERENCES.get(match["name"], "")
    code_point = int(match["decimal"]) if match["decimal"] else int(match["hexadecimal"], 16)
    is_surrogate = 0xD800 <= code_point <= 0xDFFF  # noqa: PLR2004  # the range that Unicode reserves
    return "" if code_point > HIGHEST_CODE_POINT or is_surrogate else chr(code_point)


def _start_tag(source: str, position: int) -> tuple[str, dict[str, str], int]:
    """The tag's name, its attributes, and the position behind it."""

    def unparsable(what: str) -> ApiError:
        return _unparsable(f"{what} at byte offset {_bytes(source, position)}")

    match = _START_TAG.match(source, position)
    if match is None or match.end() == len(source):
        raise unparsable("Unclosed start tag")
    tag = match["name"].lower()
    if tag not in TAGS:
        raise unparsable(f'Unsupported start tag "{tag}"')
    attributes: dict[str, str] = {}
    end = match.end()
    while attribute := _ATTRIBUTE.match(source, end):
        value = attribute["double"] or attribute["single"] or attribute["bare"] or ""
        attributes[attribute["name"].lower()] = _REFERENCE.sub(lambda found: _referred(found) or found[0], value)
        end = attribute.end()
    closes = _TAG_CLOSES.match(source, end)
    if closes is None:
        raise unparsable(f'Unclosed start tag "{tag}"')
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise unparsable('Tag "span" must have class "tg-spoiler"')
    return tag, attributes, closes.end()


def _ended(nesting: list[_Open], name: str, source: str, position: int) -> _Open:
    if not nesting:
        raise _unparsable(f"Unexpected end tag at byte offset {_bytes(source, position)}")
    opened = nesting.pop()
    if name and name.lower() != opened.tag:
        where = f"at byte offset {_bytes(source, position)}"
        raise _unparsable(f'Unmatched end tag {where}, expected "</{opened.tag}>", found "</{name}>"')
    return opened


def _entity(opened: _Open, text: str, length: int) -> Entity | None:
    """What the tag says about the end of the text; None for a link that Telegram would drop without a word."""
    entity: Entity = {"type": TAGS[opened.tag], "offset": opened.offset, "length": length}
    match opened.tag:
        case "a":
            href = opened.attributes.get("href") or text[opened.position :]
            mention = re.fullmatch(r"tg://user\?id=(\d{1,18})", href)
            if mention:
                return entity | {"type": "text_mention", "user": {"id": int(mention[1])}}
            url = checked_link(href)
            return entity | {"url": url} if url else None
        case "code":
            language = opened.attributes.get("class", "")
            if language.startswith("language-"):
                entity["language"] = language.removeprefix("language-")
        case "blockquote" if "expandable" in opened.attributes:
            entity["type"] = "expandable_blockquote"
        case "tg-emoji":
            emoji = opened.attributes.get("emoji-id", "")
            return entity | {"custom_emoji_id": emoji} if emoji.isdecimal() else None
        case "tg-time":
            moment = opened.attributes.get("unix", "")
            if not re.fullmatch(r"\d{1,11}", moment):
                return None
            entity["unix_time"] = int(moment)
            if opened.attributes.get("format"):
                entity["date_time_format"] = opened.attributes["format"]
    return entity


def _joined_code(entities: list[Entity]) -> list[Entity]:
    """`<pre><code class="language-x">` is one entity; a language without `<pre>` says nothing."""
    blocks = {(entity["offset"], entity["length"]): entity for entity in entities if entity["type"] == "pre"}
    kept = []
    for entity in entities:
        language = entity.pop("language", None) if entity["type"] == "code" else None
        block = blocks.get((entity["offset"], entity["length"]))
        if entity["type"] == "code" and block is not None:
            if language:
                block["language"] = language
        else:
            kept.append(entity)
    return kept


def in_order(entities: list[Entity]) -> list[Entity]:
    """By beginning; the longer before the shorter."""
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def checked_link(link: str, *, own_hosts: frozenset[str] = frozenset()) -> str | None:
    """The link as Telegram would keep it in a text; None when it would drop it."""
    if re.match(r"(?:mailto|tel):\S+$", link, re.IGNORECASE):
        return link
    if "://" not in link and not link.lower().startswith("tg:"):
        link = f"http://{link}"
    return link if link_fault(link, own_hosts=own_hosts) is None else None


def link_fault(link: str, *, own_hosts: frozenset[str] = frozenset()) -> str | None:
    """Why Telegram refuses the link, in its words; None when it takes it. `own_hosts` ("localhost:8080") are let through."""
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return "Wrong HTTP URL"
    if parts.scheme == "tg":
        return None
    if parts.scheme not in {"http", "https"}:
        return "Unsupported URL protocol"
    if parts.netloc in own_hosts:
        return None
    if "." not in host.strip(".") or re.search(r"\s", link):
        return "Wrong HTTP URL"
    return None


def found(formatted: Formatted) -> Formatted:
    """With the entities that Telegram finds by itself: commands, mentions, links, addresses; the first hundred in all."""
    entities = formatted.entities[:MOST_ENTITIES]
    more: list[Entity] = []
    position = offset = 0
    for match in _FOUND.finditer(formatted.text):
        if len(entities) + len(more) == MOST_ENTITIES:
            break
        offset += utf16_length(formatted.text[position : match.start()])
        position = match.start()
        entity = {"type": match.lastgroup, "offset": offset, "length": utf16_length(match[0])}
        if not any(_in_the_way(other, entity) for other in entities):
            more.append(entity)
    return Formatted(formatted.text, in_order([*entities, *more]))


def _in_the_way(other: Entity, entity: Entity) -> bool:
    """Whether the two overlap and can neither nest nor stand inside one another."""
    begin, end = entity["offset"], entity["offset"] + entity["length"]
    start, stop = other["offset"], other["offset"] + other["length"]
    if stop <= begin or end <= start:
        return False
    nested = (start <= begin and end <= stop) or (begin <= start and stop <= end)
    return other["type"] in _FOUND_NOTHING_INSIDE or not nested


def trimmed(formatted: Formatted) -> Formatted:
    """Without white space at both ends, as Telegram sends it."""
    text = formatted.text.rstrip()
    cut = utf16_length(text) - utf16_length(text.lstrip())
    text = text.lstrip()
    length = utf16_length(text)
    entities = []
    for entity in formatted.entities:
        begin = max(entity["offset"] - cut, 0)
        end = min(entity["offset"] + entity["length"] - cut, length)
        if begin < end:
            entities.append(entity | {"offset": begin, "length": end - begin})
    return Formatted(text, entities)


def to_html(formatted: Formatted) -> str:
    """Safe HTML for a page; what the page has no tag for (commands, mentions) stays plain text, and so does a 101st entity."""
    units = formatted.text.encode("utf-16-le", "surrogatepass")
    starts: dict[int, list[str]] = {}
    stops: dict[int, list[str]] = {}
    for entity in formatted.entities[:MOST_ENTITIES]:
        begin, end = entity["offset"], entity["offset"] + entity["length"]
        start, stop = _page_tags(entity, _units(units, begin, end))
        starts.setdefault(begin, []).append(start)
        stops.setdefault(end, []).insert(0, stop)
    pieces = []
    position = 0
    for cut in sorted({*starts, *stops, len(units) // 2}):
        pieces += [html.escape(_units(units, position, cut)), *stops.get(cut, ()), *starts.get(cut, ())]
        position = cut
    return "".join(pieces)


def _units(units: bytes, begin: int, end: int) -> str:
    return units[begin * 2 : end * 2].decode("utf-16-le", "replace")


def _page_tags(entity: Entity, own: str) -> tuple[str, str]:
    """The tags before and behind an entity; `own` is what it marks."""
    url = {"url": own, "email": f"mailto:{own}", "text_link": entity.get("url", "")}.get(entity["type"])
    if url:
        return f'<a href="{html.escape(url)}" rel="noopener noreferrer" target="_blank">', "</a>"
    if entity["type"] == "spoiler":
        return '<span class="spoiler">', "</span>"
    tag = _PAGE_TAGS.get(entity["type"])
    return (f"<{tag}>", f"</{tag}>") if tag else ("", "")
