"""The terminal program's commands."""
