"""The version of this winch, as commands print it and the daemon's greeting names it."""

VERSION = "0.2.0"
PROTOCOL = 2
"""What is spoken on the daemon's socket."""
