"""Commitments: record and keep them, remind of them, hand them over, list them."""
