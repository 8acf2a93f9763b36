"""The tests, at the same paths as the source."""
