"""Faden: who gathers the threads and holds them together."""

import os

__version__ = "0.1.0"

# python-telegram-bot gives times as timedelta only when it is told so before its first use; without, each RetryAfter warns.
os.environ.setdefault("PTB_TIMEDELTA", "1")
