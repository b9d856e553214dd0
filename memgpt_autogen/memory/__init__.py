"""The three tiers of memory: core memory, recall storage, archival storage."""
