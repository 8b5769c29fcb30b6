"""The version of this winch, as commands print it and the daemon's greeting names it."""

from __future__ import annotations

VERSION = "0.2.0"
