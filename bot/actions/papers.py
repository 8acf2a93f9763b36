"""Papers: files that somebody sent for an agenda item, and who may read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.actions import access
from bot.rules import permissions
from bot.rules.facts import Facts, Text
from bot.rules.refusals import Refusal
from storage import bells, queries
from storage.db import transaction
from storage.erasing import erased
from storage.models import AgendaItem, AgendaItemPaper, Attendance, Document, Person
from storage.vocabulary import Network

PAPER_BYTES = 20 * 1024 * 1024
WAITING = "papers"  # the bell that rings when there is something to fetch


class PaperTooLarge(Refusal):
    """A paper may have at most `limit` MB."""


class NoPapersHere(Refusal):
    """A Fallberatung has no papers: no case data, ever."""


class NothingToAttachTo(Refusal):
    """A file belongs to an item, and none is open that takes one."""


class PaperGone(Refusal):
    """It was sent, and the network where it was has it no longer."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A paper that is still to be fetched from the network that holds it."""

    document: int
    network: Network
    file_id: str


async def keep(*, by: Person, name: str, mime: str, size: int, network: Network, file_id: str, now: datetime) -> int:
    """Note a file that somebody sent; `bot.post` fetches it from its network. Raises PaperTooLarge."""
    if size > PAPER_BYTES:
        raise PaperTooLarge(limit=PAPER_BYTES // 1024 // 1024)
    async with transaction():
        document = await Document.create(
            name=name[:200],
            mime=mime[:100],
            size=size,
            network=network,
            file_id=file_id,
            uploaded_by=by,
            created_at=now,
        )
        bells.ring(WAITING)
    return document.id


async def waiting(network: Network, *, limit: int) -> list[Waiting]:
    """What is still to be fetched from there, in the order in which it came."""
    sent = Document.filter(network=network, content__isnull=True, file_id__not_isnull=True).order_by("id").limit(limit)
    return [
        Waiting(document=number, network=network, file_id=str(file_id))
        for number, file_id in await sent.values_list("id", "file_id")
    ]


async def fetched(paper: Waiting, content: bytes | None) -> None:
    """Keep what has come; None: its network has it no longer. What is larger than was said is not kept."""
    kept = content if content is not None and len(content) <= PAPER_BYTES else None
    values: Facts = {"network": None, "file_id": None} if kept is None else {"content": kept}
    async with transaction():
        await Document.filter(id=paper.document).update(**values)


async def attach(papers: Sequence[int], item: AgendaItem, by: Person) -> list[int]:
    """Put one's own uploads to an item; gives those that were."""
    if not papers:
        return []
    own = await queries.column(Document.filter(id__in=papers, uploaded_by_id=by.id).order_by("id"), "id")
    async with transaction():
        await AgendaItemPaper.bulk_create([AgendaItemPaper(item=item, document_id=number) for number in own])
    return own


async def detach(document: int, item: AgendaItem) -> None:
    """Take a paper off an item and forget it, unless another item carries it. Raises NotFoundHere."""
    async with transaction():
        if not await AgendaItemPaper.filter(item_id=item.id, document_id=document).delete():
            access.not_found()
        await Document.filter(id=document, papers__id=None).delete()
        erased()


async def forget(*, by: Person, papers: Sequence[int]) -> None:
    """What was sent for an item that was not handed in after all."""
    async with transaction():
        await Document.filter(id__in=list(papers), uploaded_by_id=by.id, papers__id=None).delete()


async def fetch(*, by: Person, document: int, now: datetime) -> Document:
    """A document, for those who sent it, see an item that carries it, or stand in at the meeting where that is on the agenda.

    Raises NotFoundHere, PaperGone.
    """
    found = await Document.get_or_none(id=document)
    if found is None:
        access.not_found()
    items = await AgendaItem.filter(papers__document_id=document)
    seats = access.as_seats(await access.memberships(by, now))
    where = [item.meeting_id for item in items if item.meeting_id and item.state not in permissions.NOT_ON_AN_AGENDA]
    stands_in = Attendance.filter(person_id=by.id, deputy_for_id__not_isnull=True, meeting_id__in=[0, *where])
    if (
        found.uploaded_by_id != by.id
        and not any(
            permissions.may_see_item(seats, item.body_id, state=item.state, own=item.submitted_by_id == by.id)
            for item in items
        )
        and not await stands_in.exists()
    ):
        access.not_found()
    if found.content is None and found.file_id is None:
        raise PaperGone
    return found


async def of_items(items: Sequence[AgendaItem]) -> dict[int, list[Facts]]:
    """The papers by their items' ids."""
    found: dict[int, list[Facts]] = {}
    links = AgendaItemPaper.filter(item_id__in=[item.id for item in items]).order_by("id")
    for item, document, name in await links.values_list(
        "item_id", "document_id", "document__name"
    ):  # not their contents
        found.setdefault(item, []).append({"id": document, "name": Text(name)})
    return found
