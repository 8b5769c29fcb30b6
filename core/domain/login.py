"""A name and its password as one text: how a person's login travels until a server asks for it."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode

_MAX_CHARACTERS = 8192
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def basic(user: str, password: str) -> str:
    """Return the Authorization that holds a name and a password (RFC 7617 section 2)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def read_basic(value: str) -> tuple[str, str] | None:
    """Return the name and the password of an Authorization, None where it is of another kind.

    A name with control characters fits in no header of another kind, and is left in this one.
    """
    scheme, _, token = value[:_MAX_CHARACTERS].strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon and not _CONTROLS.search(user) else None
