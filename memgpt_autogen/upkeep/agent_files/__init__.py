"""Agent files: all that an agent remembers, in one versioned file that any place can read."""
