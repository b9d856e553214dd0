"""The terminal: `memgpt-autogen`."""
