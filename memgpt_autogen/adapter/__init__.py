"""AutoGen's side: where its agents, messages and tools meet the engine."""
