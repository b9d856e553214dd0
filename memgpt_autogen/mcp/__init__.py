"""An agent's memory for MCP clients: desktop assistants, editors, other programs' agents."""
