"""Timed events: when they are due, and who notices."""
