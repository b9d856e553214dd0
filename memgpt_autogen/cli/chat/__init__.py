"""`memgpt-autogen run`: talk with an agent in the terminal."""
