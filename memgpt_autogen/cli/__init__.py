"""The terminal program, `memgpt-autogen` or `memgpt`."""
