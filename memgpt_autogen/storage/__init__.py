"""Storage: vectors and records in Chroma, words in SQLite, one directory per agent."""
