"""Where the state of one command is when its usual place is read-only; see test_containers, too."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from core.adapters.system.instance_lock import InstanceLock
from core.adapters.system.paths import Paths
from core.adapters.system.spare_state import NAME, remove, state_places
from core.domain.errors import StateError

# A place that nobody can write, root included.
PROC = Path("/proc/self/fdinfo")
READ_ONLY = Paths(config_file=PROC / "c", state_dir=PROC / "state", run_dir=PROC / "run")

pytestmark = pytest.mark.skipif(not PROC.exists(), reason="there is no /proc")


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> Paths:
    # What the kernel says of /proc is ENOENT: of a root that is read-only it is EROFS.
    def refuse(self: Paths) -> None:
        if self is READ_ONLY:
            raise StateError("read-only") from OSError(30, "Read-only file system")
        prepare(self)

    prepare = Paths.prepare
    monkeypatch.setattr(Paths, "prepare", refuse)
    return READ_ONLY


def test_what_is_in_the_destination_already_is_not_touched(usual: Paths, tmp_path: Path) -> None:
    (own := tmp_path / NAME).mkdir()
    (own / "precious").touch()
    said: list[str] = []
    with state_places(usual, tmp_path, said.append) as places:
        assert not places.paths.state_dir.is_relative_to(tmp_path)
        assert places.paths.state_dir.is_relative_to(tempfile.gettempdir())
        remove(places)
        assert places.paths.state_dir.exists()
    assert not places.paths.state_dir.exists()
    assert (own / "precious").exists()
    assert "nothing can be continued" in said[0]


def test_two_commands_at_once_have_a_state_each(usual: Paths, tmp_path: Path) -> None:
    with (
        state_places(usual, tmp_path, lambda _: None) as first,
        InstanceLock(first.paths.lock_file),
    ):
        assert first.paths.state_dir == tmp_path / NAME
        with state_places(usual, tmp_path, lambda _: None) as second:
            assert second.paths.state_dir != first.paths.state_dir
    # One that was left behind is found again, until nothing needs it.
    with state_places(usual, tmp_path, lambda _: None) as third:
        assert third == first
        remove(third)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_it_says_what_to_do(
    usual: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(PROC))
    with pytest.raises(StateError, match="nor can") as told, state_places(usual, PROC, print):
        pass
    assert "WINCH_HOME" in told.value.hint


def test_what_is_wrong_otherwise_is_not_gone_round(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    usual = Paths(
        config_file=tmp_path / "c",
        state_dir=tmp_path / "file" / "state",
        run_dir=tmp_path / "file" / "run",
    )
    with pytest.raises(StateError), state_places(usual, tmp_path, print):
        pass


def test_one_that_holds_what_is_no_states_is_somebodys_own(usual: Paths, tmp_path: Path) -> None:
    (own := tmp_path / NAME).mkdir()
    for name in ("lock", "mine"):
        (own / name).touch()
    with state_places(usual, tmp_path, lambda _: None) as places:
        assert not places.is_spare
    assert sorted(path.name for path in own.iterdir()) == ["lock", "mine"]


def test_what_was_put_into_it_meanwhile_stays(usual: Paths, tmp_path: Path) -> None:
    with state_places(usual, tmp_path, lambda _: None) as places:
        own = places.paths.state_dir
        for name in ("downloads.json", "downloads.json.bak", "history-2026-11.jsonl.gz", "mine"):
            (own / name).touch()
        (own / "resume_data").mkdir()
        remove(places)
    assert [path.name for path in own.iterdir()] == ["mine"]
