"""What the daemon needs seldom is loaded after its start, and not when it is first wanted.

By then the files may be those of another winch that was installed meanwhile, which fit nothing of
what this process has. Before it serves it would hold up whoever waits for the start.
"""

from __future__ import annotations

import asyncio
import importlib
import logging

from core.adapters.files.threads import run_to_end

LATE = (
    "core.sources.lists",
    "core.sources.manifests",
    "core.sources.index_pages",
    "core.sources.index_html",
    "core.sources.index_xml",
    "core.sources.metalink",
    "core.adapters.config.host_tables",
)
"""Modules that functions of the engine import, 2 MB with what they import.

Short commands see to themselves (`Commands`); what an object store takes is as much as half of all
these, and few have one: `sources/registry.py` says what to do where it does not load.
"""
AFTER = 3.0
"""Seconds from the start: whoever has started it wants something of it first."""
PAUSE = 0.2
"""Seconds between two modules, each of which takes some milliseconds."""

_log = logging.getLogger(__name__)


async def load() -> None:
    """Load all of them, one by one and in a thread; where one cannot be, that is logged."""
    await asyncio.sleep(AFTER)
    for name in LATE:
        try:
            await run_to_end(importlib.import_module, name)
        except Exception:
            _log.warning(
                "%s cannot be loaded: if winch was updated, `winch daemon restart` hands over to"
                " the new one",
                name,
                exc_info=True,
            )
            return
        await asyncio.sleep(PAUSE)
