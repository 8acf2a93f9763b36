"""Agenda items: hand in and decide, and the agenda that they make."""
