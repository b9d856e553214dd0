"""The journal: one SQLite file that holds the truth about an agent or a source."""
