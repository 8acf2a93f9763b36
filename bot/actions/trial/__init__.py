"""The trial: its clock and its sample town."""
