"""Document sources: files read, split and loaded."""
