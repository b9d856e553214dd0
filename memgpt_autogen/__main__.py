"""`python -m memgpt_autogen`: the terminal program."""

from memgpt_autogen.cli.app import main

main()
