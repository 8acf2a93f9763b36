"""Meetings: plan, invite, answer, move, call off, and which items stand on their agendas."""
