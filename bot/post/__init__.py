"""How notices leave the house: channel, privacy level, words, limits, retries, and what became of each."""

from bot.post.dispatch import Post
from bot.post.mail import Mailer
from bot.post.outbox import move_chat
from bot.post.unread import bundle_unread
from bot.post.words import PostSettings

__all__ = ["Mailer", "Post", "PostSettings", "bundle_unread", "move_chat"]
