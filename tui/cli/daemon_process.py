"""The process of the daemon that clients start: the engine, and the short commands in it.

`python -P -m tui.cli.daemon_process`. What the commands need is loaded once one is asked for.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from types import ModuleType

from core import launcher
from core.domain.service import DownloadService

_IN_DAEMON = "tui.cli.in_daemon"
_log = logging.getLogger(__name__)
_whole: set[ModuleType] = set()
_is_replaced = False
"""Whether the files of this process are those of another winch by now."""


async def commands(
    call: launcher.CommandCall, service: DownloadService, write: launcher.Write
) -> int | None:
    """Do a command for another process; see `tui.cli.in_daemon`."""
    global _is_replaced  # noqa: PLW0603
    if _is_replaced:
        return None
    try:
        run = await _loaded()
    except Exception:
        # It was updated under this process, and what is loaded does not fit what is not. Whoever
        # asks has all of the new one, such as what hands over to it.
        _is_replaced = True
        _log.warning("commands are not done here any more: winch was updated", exc_info=True)
        return None
    return await run(call, service, write)


async def _loaded() -> launcher.Commands:
    module = sys.modules.get(_IN_DAEMON)
    if module is None or module not in _whole:
        # In a thread: it takes longer than anybody's bytes should wait. Another one that is at it
        # has put there what is not whole yet, and is waited for.
        module = await asyncio.to_thread(importlib.import_module, _IN_DAEMON)
        _whole.add(module)
    loaded: launcher.Commands = module.run
    return loaded


if __name__ == "__main__":
    sys.exit(launcher.be_daemon(commands))
