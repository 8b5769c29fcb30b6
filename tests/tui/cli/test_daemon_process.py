"""What the daemon's process loads for the commands in it."""

from __future__ import annotations

import subprocess
import sys

FIRST_TWO = """
import asyncio, sys
from tui.cli import daemon_process

async def second():
    while "tui.cli.in_daemon" not in sys.modules:
        await asyncio.sleep(0)
    return await daemon_process._loaded()

async def main():
    one, other = await asyncio.gather(daemon_process._loaded(), second())
    assert one is other

asyncio.run(main())
"""


def test_two_commands_at_once_may_be_the_first() -> None:
    subprocess.run([sys.executable, "-c", FIRST_TWO], check=True)
