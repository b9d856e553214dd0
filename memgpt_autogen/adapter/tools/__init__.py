"""The user's tools: which of them run where, and with what of AutoGen's around them."""
