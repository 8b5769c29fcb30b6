"""A part file is ours alone from its first byte to its name, or it is not used."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.adapters.files import part_owner
from core.adapters.files.destination import identity_of, take_back
from core.adapters.files.part_file import PartFile
from core.adapters.files.part_owner import ForeignPartError
from core.domain.errors import DiskError

NOBODY = 65534


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a file to another user takes root")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def created(directory: Path) -> PartFile:
    part = await PartFile.create(str(directory), "f")
    assert part is not None
    return part


async def reopened(path: Path) -> PartFile:
    part = await PartFile.reopen(str(path.parent), "f", identity_of(path.stat()))
    assert part is not None
    return part


async def test_only_its_owner_opens_a_file_before_it_has_its_name(tmp_path: Path) -> None:
    part = await created(tmp_path)
    assert mode(tmp_path / "f.part") == 0o600
    (tmp_path / "f").touch()
    assert not await part.publish("f")
    assert mode(tmp_path / "f.part") == 0o600
    assert await part.publish("g")
    assert mode(tmp_path / "g") == part_owner.final_mode()
    await part.close()


@pytest.mark.parametrize(("umask", "expected"), [(0o022, "644"), (0o027, "640"), (0o002, "664")])
def test_a_finished_file_has_the_mode_of_the_umask(
    umask: int, expected: str, tmp_path: Path
) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from core.adapters.files.part_file import PartFile\n"
        "async def main():\n"
        "    part = await PartFile.create(sys.argv[1], 'f')\n"
        "    os.umask(0o777)\n"
        "    assert await part.publish('f')\n"
        "    await part.close()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=True,
        umask=umask,
        cwd=Path(__file__).parents[4],
    )
    assert f"{mode(tmp_path / 'f'):o}" == expected


@pytest.mark.parametrize("bits", [0o620, 0o602, 0o666])
async def test_what_others_can_write_is_not_taken_over(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "f.part"
    path.touch()
    path.chmod(bits)
    with pytest.raises(ForeignPartError, match=r"f\.part can be written by others"):
        await PartFile.create(str(tmp_path), "f")
    part = await reopened(path)
    assert part.distrust is not None
    await part.close()
    # Whoever has it open for writing still has: it does not become trustworthy by being looked at.
    assert mode(path) == bits


async def test_what_others_could_read_is_ours_alone_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "f.part"
    path.touch()
    path.chmod(0o644)
    await (await created(tmp_path)).close()
    assert mode(path) == 0o600
    path.chmod(0o644)
    part = await reopened(path)
    assert part.distrust is None
    await part.close()
    assert mode(path) == 0o600


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("locked", [False, True])
async def test_what_another_user_owns_is_not_taken_over(tmp_path: Path, locked: bool) -> None:
    path = tmp_path / "f.part"
    path.touch(0o600)
    os.chown(path, NOBODY, NOBODY)
    with path.open("rb") as planted:
        if locked:
            fcntl.flock(planted, fcntl.LOCK_EX)
        with pytest.raises(ForeignPartError, match=r"f\.part belongs to another user"):
            await PartFile.create(str(tmp_path), "f")
    part = await reopened(path)
    assert part.distrust is not None
    await part.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["f.part"]


@pytest.mark.usefixtures("as_root")
async def test_where_the_file_system_names_the_owner_it_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # FAT, a network mount, Windows' disks under WSL: all files look alike.
    real = os.fstat

    def imposed(fd: int) -> os.stat_result:
        found = list(real(fd))
        found[0], found[4] = stat.S_IFMT(found[0]) | 0o777, 1000
        return os.stat_result(found)

    def refused(fd: int, mode: int) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(part_owner.os, "fchmod", refused)
    monkeypatch.setattr(part_owner.os, "fstat", imposed)
    part = await created(tmp_path)
    await part.write(0, [b"abc"])
    await part.close()
    again = await reopened(tmp_path / "f.part")
    assert again.distrust is None
    assert await again.publish("f")
    await again.close()


@pytest.mark.parametrize("replace", [False, True])
async def test_a_file_that_is_swapped_at_the_last_moment_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    part = await created(tmp_path)
    await part.write(0, [b"mine"])
    step = "rename" if replace else "link"
    real = getattr(os, step)

    def swapped(*args: object, **kwargs: object) -> None:
        (tmp_path / "f.part").unlink()
        (tmp_path / "f.part").write_bytes(b"foreign")
        real(*args, **kwargs)

    monkeypatch.setattr(os, step, swapped)
    with pytest.raises(DiskError, match="removed or replaced"):
        await part.publish("f", replace=replace)
    await part.close()
    assert replace or not (tmp_path / "f").exists()


async def test_a_file_that_is_taken_back_is_a_part_file_again(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "f").chmod(0o664)
    await take_back(str(tmp_path), "f")
    part = await reopened(tmp_path / "f.part")
    assert part.distrust is None
    await part.close()
