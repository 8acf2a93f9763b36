"""Use cases: one thing that a person or the clock can do, each a plain function. Only actions write what the domain knows."""
