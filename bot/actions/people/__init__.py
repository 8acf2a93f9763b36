"""People, bodies and who sits where: imports, a body as its lead sees it, seats that end."""
