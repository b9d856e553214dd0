"""MemGPT without a group chat: a client, the model it asks, and one agent's turns."""
