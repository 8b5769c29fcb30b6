"""What state is read by several threads at once from the first record on, as after a restart.

msgspec ends the process where two threads make what reads a type at the same time, so that it has
to be there before. Each is read in a process of its own, which has read none yet.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from core.adapters.state.resume_data import ResumeStore
from tests.core.adapters.records import a_download, a_record, store

ROOT = Path(__file__).parents[4]
AT_ONCE = """
import io, sys, threading
from pathlib import Path
{prepare}
from core.adapters.state.reading import read as read_generation
content = Path(sys.argv[1]).read_bytes()
sys.setswitchinterval(1e-9)
begin = threading.Barrier(8)
errors = []

def read():
    begin.wait()
    try:
        {read}
    except BaseException as error:
        errors.append(error)

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(str(errors) if errors else 0)
"""


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    await store(tmp_path, a_download("ab"))
    await ResumeStore(tmp_path).save(a_record("ab"))
    return tmp_path


RECORD = "_decode(content, 'ab')"
LIST = "read_generation(FORMAT, io.BytesIO(content), lambda _: ())"


@pytest.mark.parametrize(
    ("name", "prepare", "read"),
    [
        ("ab.json", "from core.adapters.state.resume_data import _decode", RECORD),
        ("downloads.json", "from core.adapters.state.catalog import FORMAT", LIST),
    ],
)
async def test_threads_read_at_once(state: Path, name: str, prepare: str, read: str) -> None:
    (path,) = state.rglob(name)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", AT_ONCE.format(prepare=prepare, read=read), str(path)),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")
