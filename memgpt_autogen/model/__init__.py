"""The model: requests, answers, tokens, instructions."""
