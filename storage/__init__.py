"""What Faden knows: tables, migrations, the unit of work. Imports nothing of `bot`."""
