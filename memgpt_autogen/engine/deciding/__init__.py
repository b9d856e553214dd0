"""Deciding: a small model chooses what to do under a grammar, and speaks in plain chat."""
