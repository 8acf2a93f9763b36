"""Faden: who gathers the threads and holds them together."""
