"""kill -9, at random moments and before every single system call of a save: the list is readable.

A child saves generation after generation and says so on its standard output; what it has said is
what it owes after its death.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from core.adapters.state.catalog import LoadResult
from tests.core.adapters.records import a_download, generation, reload, store

ROOT = Path(__file__).parents[4]

SAVE_IN_A_LOOP = """
import asyncio, sys
from pathlib import Path
from core.adapters.state import document
from core.adapters.state.catalog import Catalog
from tests.core.adapters.records import a_download

document.WHOLE_PAUSE = document.REST = 0.0  # there is always a generation being written

async def main():
    catalog = Catalog(Path(sys.argv[1]))
    number = len((await catalog.load()).downloads)
    while True:
        catalog.put(a_download(f"{number:x}"))
        await catalog.flush()
        number += 1
        print(number, flush=True)

asyncio.run(main())
"""

# Forks one saver per system call, each of which dies right before that call. It adds one download
# by the journal, one while a generation is being written, and one more before it ends.
DIE_AT_EVERY_CALL = """
import asyncio, errno, itertools, os, shutil, sys
from pathlib import Path
from core.adapters.state.catalog import Catalog
from tests.core.adapters.records import a_download

root, links = Path(sys.argv[1]), sys.argv[2]
CALLS = ("open", "write", "fsync", "fdatasync", "ftruncate", "close")
CALLS += ("link", "unlink", "rename", "replace")
tell = os.write

def mortal(function, count, die_at):
    def call(*args, **kwargs):
        if next(count) == die_at:
            os._exit(9)
        return function(*args, **kwargs)
    return call

def no_link(*args, **kwargs):
    raise OSError(errno.EPERM, "no hard links here")

async def save(state, die_at, said):
    catalog = Catalog(state)
    await catalog.load()
    if links == "no-links":
        os.link = no_link
    count = itertools.count(1)
    for name in CALLS:
        setattr(os, name, mortal(getattr(os, name), count, die_at))
    begun = asyncio.Event()
    begin, loop = catalog.document._storage.begin, asyncio.get_running_loop()

    def watched():
        loop.call_soon_threadsafe(begun.set)
        return begin()

    async def add(id_):
        catalog.put(a_download(id_))
        await catalog.flush()
        tell(said, b"+")

    catalog.document._storage.begin = watched
    await add("2")
    writing = asyncio.create_task(catalog.document._write_beside())
    await begun.wait()
    await add("3")
    await writing
    await add("4")
    await catalog.close()

for die_at in itertools.count(1):
    state = root / str(die_at)
    shutil.copytree(root / "before", state)
    ear, said = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(save(state, die_at, said))
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(said)
    print(status, 2 + len(os.read(ear, 99)), flush=True)
    os.close(ear)
    if status != 9:
        break
"""


def start(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def survivors(state: Path) -> tuple[int, LoadResult]:
    """Return how many downloads are left, none missing in between."""
    result = asyncio.run(reload(state))
    numbers = sorted(int(download.id, 16) for download in result.downloads)
    assert numbers == list(range(len(numbers)))
    return len(numbers), result


def test_twenty_kills_at_random_moments_lose_nothing_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(4)
    for _ in range(20):
        with start(SAVE_IN_A_LOOP, tmp_path) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(chance.randint(1, 40))]
            child.kill()
            lines += child.stdout.readlines()

        count, result = survivors(tmp_path)
        assert count >= int(lines[-1])
        assert result.is_whole
        assert result.notices == ()
    assert generation(tmp_path / "downloads.json") > 20


@pytest.mark.parametrize("links", ["links", "no-links"])
def test_a_death_before_any_system_call_of_a_save(tmp_path: Path, links: str) -> None:
    asyncio.run(save_one_by_one(tmp_path / "before", "0", "1"))
    with start(DIE_AT_EVERY_CALL, tmp_path, links) as child:
        assert child.stdout is not None
        *deaths, last = child.stdout.read().splitlines()
    assert len(deaths) > 50
    assert last == "0 5"

    for die_at, death in enumerate(deaths, 1):
        owed = int(death.split()[1])
        count, result = survivors(tmp_path / str(die_at))
        assert owed <= count <= 5
        # Without hard links there is one instant in which only the backup has its name.
        assert result.is_whole or links == "no-links"
        assert result.is_whole is (result.notices == ())
        # Nor does what a death leaves behind stand in the way of the saves that follow.
        asyncio.run(save_one_by_one(tmp_path / str(die_at), f"{count:x}"))
        assert survivors(tmp_path / str(die_at))[0] == count + 1
        assert {path.name for path in (tmp_path / str(die_at)).iterdir()} == {
            "downloads.json",
            "downloads.json.bak",
            "downloads.journal.bak",
        }
    assert survivors(tmp_path / str(len(deaths) + 1))[0] == 5


async def save_one_by_one(state: Path, *ids: str) -> None:
    """Add downloads, each in a generation of its own."""
    for id_ in ids:
        await store(state, a_download(id_))
