"""Upkeep of a memory: forgetting, checkpoints."""
