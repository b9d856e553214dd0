"""Vector indexes: what meaning is searched in."""
