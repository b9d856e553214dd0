"""Chats that were held elsewhere, imported into recall storage."""
