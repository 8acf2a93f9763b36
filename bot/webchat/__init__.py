"""A Bot API server in the process, and its chat page: Telegram for everybody who has no Telegram, and for the tests."""
