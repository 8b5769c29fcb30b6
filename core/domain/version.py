"""The version of this winch, as commands print it and the daemon's greeting names it."""

VERSION = "0.2.0"
PROTOCOL = 2
"""What is spoken on the daemon's socket."""
OLDEST_PROTOCOL = 2
"""The oldest that is still understood: two that have one in common speak the newest of those.

What is only added (a method, a parameter with a default, a field, an event) is no other protocol.
"""
