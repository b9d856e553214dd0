"""Search: what a query means, which records may answer it, and in what order."""
