"""Forgetting a speaker: what is theirs, erasing it, and looking for what is left."""
