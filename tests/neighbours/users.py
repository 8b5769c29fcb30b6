"""Two ordinary users of one machine: processes that begin as root and go on as one of them.

Everything is imported and tried out before the change, because an interpreter below /root cannot
be read afterwards.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ATTACKER = 65534
VICTIM = 54321
GROUP = 54322
"""The group that both are in."""

_ROOT = Path(__file__).parents[2]
_BECOME = """
import fcntl, json, os, socket, sys, tempfile
def become(user):
    os.setgroups([{group}])
    os.setresgid({group}, {group}, {group})
    os.setresuid(user, user, user)
    os.umask(0o022)
"""
_ATTACK = """
become({user})
{code}
print("done", flush=True)
sys.stdin.read()
"""
_FETCH = """
import asyncio
from pathlib import Path
from core.adapters.system.clock import Clock
from core.adapters.net.http import HttpClient
from core.adapters.state.stores import State
from core.domain.models import DownloadRequest
from core.domain.settings import DaemonSettings, LimitSettings, RetrySettings, Settings
from core.engine.service import Engine

SETTINGS = Settings(
    limits=LimitSettings(active=8, connections=1),
    retry=RetrySettings(attempts=0, base=0.0, cap=0.0),
    daemon=DaemonSettings(linger=0.0),
)

async def fetch(state, requests):
    engine = Engine(
        SETTINGS, state=State.at(Path(state)), http=HttpClient(SETTINGS.network), clock=Clock()
    )
    await engine.start()
    try:
        added = await engine.add(requests)
        async with engine.subscribe() as events:
            async for _ in events:
                views = [await engine.find(each.id) for each in added]
                if all(view.download.status.is_settled for view in views):
                    return [view.download for view in views]
    finally:
        await engine.close()

def run(url, directory, names):
    with tempfile.TemporaryDirectory() as state:
        requests = [DownloadRequest(url=url, directory=directory, name=name) for name in names]
        return asyncio.run(fetch(state, requests))

url, directory, *names = sys.argv[1:]
with tempfile.TemporaryDirectory() as warm:
    assert all(done.error is None for done in run({warm!r}, warm, ["warm"]))
become({user})
print(json.dumps([
    {{
        "name": done.name,
        "error": done.error and done.error.message,
        "timeline": [entry.text for entry in done.timeline],
    }}
    for done in run(url, directory, names)
]))
"""


@asynccontextmanager
async def attacking(code: str, *words: str, user: int = ATTACKER) -> AsyncIterator[None]:
    """Run code as another user; what it opened stays open while the context lasts."""
    script = _BECOME.format(group=GROUP) + _ATTACK.format(user=user, code=code)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", script, *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd="/",
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"done\n"
        yield
    finally:
        await process.communicate(b"")


async def fetch_as(
    user: int, url: str, directory: Path, *names: str, warm: str
) -> list[dict[str, Any]]:
    """Download a URL under several names as a user, and return what became of each.

    `warm` is a URL that is fetched beforehand, as root.
    """
    script = _BECOME.format(group=GROUP) + _FETCH.format(user=user, warm=warm)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", script, url, str(directory), *names),
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
    )
    answer, _ = await process.communicate()
    assert process.returncode == 0
    found: list[dict[str, Any]] = json.loads(answer)
    return found
