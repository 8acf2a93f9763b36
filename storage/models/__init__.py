"""Tables: one file per aggregate, fields and constraints, no behaviour."""

from storage.models._tortoise import give_defaults  # before any model
from storage.models.commitments import CheckIn, Commitment, CommitmentDueIn, CommitmentParty, ToldOverdue
from storage.models.journal import AuditEvent, Dialogue, Document, Remembered
from storage.models.meetings import AgendaItem, AgendaItemPaper, Attendance, Meeting, Topic
from storage.models.people import Area, Body, BodyArea, Channel, GroupChat, Membership, Organisation, Person
from storage.models.post import FeedCache, InboxUpdate, Notice
from storage.models.sessions import FeedToken, OneTimeToken, SignInRequest, WebSession

__all__ = [
    "AgendaItem",
    "AgendaItemPaper",
    "Area",
    "Attendance",
    "AuditEvent",
    "Body",
    "BodyArea",
    "Channel",
    "CheckIn",
    "Commitment",
    "CommitmentDueIn",
    "CommitmentParty",
    "Dialogue",
    "Document",
    "FeedCache",
    "FeedToken",
    "GroupChat",
    "InboxUpdate",
    "Meeting",
    "Membership",
    "Notice",
    "OneTimeToken",
    "Organisation",
    "Person",
    "Remembered",
    "SignInRequest",
    "ToldOverdue",
    "Topic",
    "WebSession",
]

give_defaults()
