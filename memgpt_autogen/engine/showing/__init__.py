"""Showing: what of a text is shown to the model."""
