"""What a Telegram client can do and the chat page cannot: edit, block the bot, open groups and manage them.

As in `bot.webchat.people`, NotAllowed means that the button to do this would not have been there.
"""

from typing import Any

from bot.webchat import people, rows
from bot.webchat.errors import NotAllowed
from bot.webchat.formatting import cleaned
from bot.webchat.objects import User, user_json
from bot.webchat.server import BotServer
from storage.erasing import erased
from storage.models.webchat import ChatType, MemberStatus, WebchatChat, WebchatMember, WebchatUser

SUPERGROUP_IDS = -1_000_000_000_000


async def edits(server: BotServer, user: User, chat_id: int, message_id: int, text: str) -> None:
    """Change one's own text. Raises NotAllowed."""
    formatted = people.typed(text)

    async def edit(change: int) -> None:
        sender, chat = await people.enter(server, user, chat_id, change)
        message = await rows.find_message(chat, message_id)
        if message is None or message.sender_id != sender.id or message.service is not None:
            raise NotAllowed("only one's own messages can be edited")
        message.text, message.entities = formatted.text, formatted.entities
        message.edited_at, message.change = server.dated(), change
        await message.save(update_fields=["text", "entities", "edited_at", "change"])
        erased()
        server.touched(chat_id)
        await people.tell(server, chat, message, kind="edited_message")

    await server.unit(edit)


async def blocks_bot(server: BotServer, user: User) -> None:
    """Block the bot in the private chat. Writing again unblocks it."""

    async def block(change: int) -> None:
        sender, chat = await people.private_chat(server, user, change)
        await rows.move_bot(server, chat, change, by=user_json(sender), to=MemberStatus.KICKED)

    await server.unit(block)


# Groups


async def create_group(
    server: BotServer, user: User, chat_id: int, title: str, *, kind: ChatType = ChatType.GROUP
) -> None:
    """Open a group without the bot; its id is negative. Raises NotAllowed."""
    if chat_id >= 0 or kind is ChatType.PRIVATE:
        raise NotAllowed("a group has a negative id")

    async def create(change: int) -> None:
        creator = await people.introduce(server, user)
        if await rows.find_chat(server, chat_id):
            raise NotAllowed("there is such a chat already")
        chat = await WebchatChat.create(
            network=server.network,
            chat_id=chat_id,
            type=kind,
            title=cleaned(title),
            person=None,
            bot_status=MemberStatus.LEFT,
            change=change,
        )
        await WebchatMember.create(chat=chat, user=creator, status=MemberStatus.CREATOR)
        server.touched(chat_id)

    await server.unit(create)


async def open_topic(server: BotServer, chat_id: int, thread_id: int) -> None:
    """Open a topic in a supergroup, which is a forum from then on. Raises NotAllowed."""
    if (await people.find_group(server, chat_id)).type is not ChatType.SUPERGROUP:
        raise NotAllowed("only a supergroup has topics")
    server.topics.setdefault(chat_id, set()).add(thread_id)


def close_topic(server: BotServer, chat_id: int, thread_id: int) -> None:
    """Delete a topic."""
    server.topics[chat_id].discard(thread_id)


async def add_bot(server: BotServer, user: User, chat_id: int, *, administrator: bool = False) -> None:
    """Add the bot to a group, or change its rank there. Raises NotAllowed."""

    async def add(change: int) -> None:
        adder, chat = await people.enter(server, user, chat_id, change)
        status = MemberStatus.ADMINISTRATOR if administrator else MemberStatus.MEMBER
        joins = chat.bot_status in rows.GONE
        await rows.move_bot(server, chat, change, by=user_json(adder), to=status)
        if joins:
            service = {"new_chat_members": [server.bot.user()]}
            message = await rows.add_message(server, chat, change, sender=adder, service=service)
            await people.tell(server, chat, message)

    await server.unit(add)


async def kick_bot(server: BotServer, user: User, chat_id: int) -> None:
    """Throw the bot out of a group. Raises NotAllowed."""

    async def kick(change: int) -> None:
        kicker, chat = await people.enter(server, user, chat_id, change)
        await rows.add_message(server, chat, change, sender=kicker, service={"left_chat_member": server.bot.user()})
        await rows.move_bot(server, chat, change, by=user_json(kicker), to=MemberStatus.KICKED)

    await server.unit(kick)


async def join_group(server: BotServer, user: User, chat_id: int) -> None:
    """Become a member of a group. Raises NotAllowed."""

    async def join(change: int) -> None:
        joiner = await people.introduce(server, user)
        chat = await people.find_group(server, chat_id)
        before = await people.status_of(chat, joiner)
        if before in rows.PRESENT:
            return
        await _move(server, chat, joiner, change, before=before, after=MemberStatus.MEMBER)
        service = {"new_chat_members": [user_json(joiner)]}
        message = await rows.add_message(server, chat, change, sender=joiner, service=service)
        await people.tell(server, chat, message)

    await server.unit(join)


async def leave(server: BotServer, user: User, chat_id: int) -> None:
    """Leave a group. Raises NotAllowed."""

    async def go(change: int) -> None:
        leaver, chat = await people.enter(server, user, chat_id, change)
        before = await people.status_of(chat, leaver)
        service = {"left_chat_member": user_json(leaver)}
        message = await rows.add_message(server, chat, change, sender=leaver, service=service)
        await people.tell(server, chat, message)
        await _move(server, chat, leaver, change, before=before, after=MemberStatus.LEFT)

    await server.unit(go)


async def upgrade_group_to_supergroup(server: BotServer, user: User, chat_id: int) -> int:
    """Make a supergroup of a group: everybody is in the new chat, whose id this gives. Raises NotAllowed."""

    async def upgrade(change: int) -> int:
        upgrader, chat = await people.enter(server, user, chat_id, change)
        if chat.type is not ChatType.GROUP:
            raise NotAllowed("only a group can be upgraded")
        upgraded = await WebchatChat.create(
            network=server.network,
            chat_id=SUPERGROUP_IDS + chat_id,
            type=ChatType.SUPERGROUP,
            title=chat.title,
            person=None,
            bot_status=chat.bot_status,
            change=change,
        )
        for member in await WebchatMember.filter(chat=chat).select_related("user"):
            await WebchatMember.create(chat=upgraded, user=member.user, status=member.status)
        service: dict[str, Any] = {"migrate_to_chat_id": upgraded.chat_id}
        last = await rows.add_message(server, chat, change, sender=upgrader, service=service)
        service = {"migrate_from_chat_id": chat_id}
        first = await rows.add_message(server, upgraded, change, sender=upgrader, service=service)
        await people.tell(server, chat, last)
        await people.tell(server, upgraded, first)
        chat.migrated_to = upgraded.chat_id
        await rows.save_chat(server, chat, change, "migrated_to")
        return int(upgraded.chat_id)

    return await server.unit(upgrade)


async def _move(
    server: BotServer, chat: WebchatChat, person: WebchatUser, change: int, *, before: MemberStatus, after: MemberStatus
) -> None:
    """Change a person's place in a group; only a bot that is an administrator and asks for it hears of that."""
    await WebchatMember.update_or_create({"status": after}, chat=chat, user=person)
    await rows.save_chat(server, chat, change)
    if chat.bot_status is MemberStatus.ADMINISTRATOR:
        who = user_json(person)
        await server.emit("chat_member", rows.moved(server, chat, by=who, who=who, before=before, after=after))
