"""The daemon, with its list written as a whole all the time, and not every few seconds.

A life lasts a second or two here, and some of the kills have to hit a generation being written.
"""

from __future__ import annotations

import sys

from core import daemon
from core.adapters.state import document


def main(arguments: list[str]) -> int:
    """Run the daemon and return its exit status."""
    document.WHOLE_PAUSE = document.REST = 0.05
    return daemon.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
