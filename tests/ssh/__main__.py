"""`python -m tests.ssh day`: live through the README's day on a server, and say what it came to."""

from __future__ import annotations

import argparse
import sys

from tests.ssh.day import day
from tests.ssh.server import missing
from tui.demo.files import KIB, MIB


def main() -> int:
    """Return 0 where all was as the README says."""
    parser = argparse.ArgumentParser(prog="python -m tests.ssh", description=__doc__)
    parser.add_argument("what", choices=["day"])
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--size", type=int, default=8, metavar="MIB")
    args = parser.parse_args()
    if why := missing():
        print(f"not run: {why}")
        return 1
    figures = day(args.files, args.size * MIB, 128 * KIB, delay=0.1, say=print)
    print(
        f"{figures.files} files of {figures.size / MIB:g} MiB in all, each right;"
        f" {figures.back:.1f} s from power on to the next request"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
