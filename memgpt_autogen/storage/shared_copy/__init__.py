"""The copy of a memory that a server keeps for several machines."""
