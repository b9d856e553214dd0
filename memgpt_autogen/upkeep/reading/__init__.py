"""Reading a memory beside whoever runs the agent: no model, no index, no ownership."""
