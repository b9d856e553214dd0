"""What providers behind OpenAI's protocol refuse, and how they answer."""

from __future__ import annotations

from .answers import call_body, shaped, truncated
from .catalogue import PROFILES, profile_of
from .profile import Profile, Refusal, Rule

__all__ = [
    "PROFILES",
    "Profile",
    "Refusal",
    "Rule",
    "call_body",
    "profile_of",
    "shaped",
    "truncated",
]
