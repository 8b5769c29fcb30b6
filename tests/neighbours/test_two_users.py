"""What one user lays where another one downloads to, or keeps his state: two real users, as root.

Nothing that the one does may change, read early or hold up what the other gets.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.adapters.system.paths import Paths
from core.domain.errors import DaemonError, StateError
from core.rpc.client import RemoteService
from tests.faults.model import content
from tests.faults.server import FaultServer
from tests.neighbours.users import ATTACKER, GROUP, VICTIM, attacking, fetch_as

DATA = content(400_000)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becoming two users takes root")


@pytest.fixture
def square() -> Iterator[Path]:
    """A place that both users reach."""
    directory = Path(tempfile.mkdtemp(prefix="w", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(params=["sticky", "shared"])
def shared(request: pytest.FixtureRequest, square: Path) -> Path:
    """A directory that both write in: one like /tmp, and one of their group."""
    directory = square / "shared"
    directory.mkdir()
    if request.param == "sticky":
        directory.chmod(0o1777)
    else:
        os.chown(directory, 0, GROUP)
        directory.chmod(0o2775)
    return directory


@pytest.fixture
def warm(fault_server: FaultServer) -> str:
    return fault_server.file("warm", b"warm")


PLANT = """
os.chdir(sys.argv[1])
held = []
for name, mode in (("empty", 0o600), ("open", 0o666), ("full", 0o666)):
    fd = os.open(name + ".part", os.O_RDWR | os.O_CREAT, 0o666)
    os.fchmod(fd, mode)
    fcntl.flock(fd, fcntl.LOCK_EX)
    held.append(fd)
os.write(held[2], b"poison" * 100)
os.symlink(sys.argv[2], "link.part")
os.symlink("/nowhere", "dangling.part")
os.mkfifo("pipe.part", 0o666)
os.chmod("pipe.part", 0o666)
os.mkdir("directory.part")
"""
NAMES = ("empty", "open", "full", "link", "dangling", "pipe", "directory")


@pytest.mark.parametrize("user", [VICTIM, 0])
async def test_what_is_planted_is_left_alone_and_every_file_is_right(
    shared: Path, square: Path, fault_server: FaultServer, warm: str, user: int
) -> None:
    treasure = square / "treasure"
    treasure.write_bytes(b"treasure")
    treasure.chmod(0o666)
    url = fault_server.file("a", DATA)
    async with attacking(PLANT, str(shared), str(treasure)):
        found = await fetch_as(user, url, shared, *NAMES, warm=warm)
    for name, done in zip(NAMES, found, strict=True):
        assert done["error"] is None, done
        assert done["name"] == f"{name} (1)"
        file = shared / done["name"]
        assert file.read_bytes() == DATA
        assert file.stat().st_uid == user
        assert stat.S_IMODE(file.stat().st_mode) & ~0o644 == 0
    assert treasure.read_bytes() == b"treasure"
    assert not (shared / "full.part").read_bytes().strip(b"poison")
    told = [any("belongs to another user" in text for text in d["timeline"]) for d in found]
    assert all(told[:3])


LOOK = """
try:
    os.open(sys.argv[1], os.O_RDONLY)
except PermissionError:
    sys.argv.append("refused")
assert sys.argv[-1] == "refused"
"""


async def test_nobody_else_opens_or_locks_what_is_not_finished(
    shared: Path, fault_server: FaultServer, warm: str
) -> None:
    url = fault_server.file("a", DATA, hold_after=200_000)
    fetching = asyncio.create_task(fetch_as(VICTIM, url, shared, "a", warm=warm))
    await fault_server.held("a")
    async with attacking(LOOK, str(shared / "a.part")):
        pass
    fault_server.release("a")
    (done,) = await fetching
    assert (done["name"], done["error"]) == ("a", None)
    assert (shared / "a").read_bytes() == DATA


SWAP = """
os.chdir(sys.argv[1])
os.rename("a.part", "stolen")
with open("a.part", "wb") as file:
    file.write(b"poison")
os.chmod("a.part", 0o666)
"""


async def test_what_is_swapped_under_way_never_gets_the_name(
    square: Path, fault_server: FaultServer, warm: str
) -> None:
    directory = square / "group"
    directory.mkdir()
    os.chown(directory, 0, GROUP)
    directory.chmod(0o2775)
    url = fault_server.file("a", DATA, hold_after=200_000)
    fetching = asyncio.create_task(fetch_as(VICTIM, url, directory, "a", warm=warm))
    await fault_server.held("a")
    async with attacking(SWAP, str(directory)):
        fault_server.release("a")
        (done,) = await fetching
    assert "somebody removed or replaced a.part" in done["error"]
    assert not (directory / "a").exists()


async def test_places_that_another_user_made_are_refused(
    square: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    square.chmod(0o1777)
    made = "os.makedirs(sys.argv[1], 0o777)"
    for place in ("home", "other/state", "third/run"):
        async with attacking(made, str(square / place)):
            pass
        home = square / place.partition("/")[0]
        paths = Paths.discover({"WINCH_HOME": str(home)})
        for check in (paths.check_places, paths.prepare):
            with pytest.raises(StateError, match="belongs to") as caught:
                check()
        assert str(home) in caught.value.message
    before = sorted(path.name for path in (square / "home").iterdir())
    assert before == []


LISTEN = """
os.chdir(sys.argv[1])
listener = socket.socket(socket.AF_UNIX)
listener.bind("winch.sock")
listener.listen()
os.chmod("winch.sock", 0o777)
"""


async def test_nothing_is_told_to_a_socket_at_which_another_user_listens(square: Path) -> None:
    square.chmod(0o777)
    async with attacking(LISTEN, str(square)):
        with pytest.raises(DaemonError, match="another user listens"):
            await RemoteService.open(square / "winch.sock")


async def test_both_are_who_they_should_be(square: Path) -> None:
    square.chmod(0o1777)
    for user in (ATTACKER, VICTIM):
        async with attacking("open(sys.argv[1], 'w')", str(square / str(user)), user=user):
            assert (square / str(user)).stat().st_uid == user
