"""Asking: one model call, made to fit and in the form that its server takes."""
