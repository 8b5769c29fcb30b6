"""Where things are, and that nobody else can have put the socket there."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.adapters.system.paths import MAX_SOCKET_PATH, Paths
from core.domain.errors import StateError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def long_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose socket path is too long, and a private place for temporary files."""
    with tempfile.TemporaryDirectory(prefix="w", dir="/tmp") as temporary:
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        yield tmp_path / ("x" * 100)


def test_winch_home_holds_everything(tmp_path: Path) -> None:
    paths = Paths.discover({"WINCH_HOME": "/w"})
    assert paths.config_file == Path("/w/config.toml")
    assert paths.state_dir == Path("/w/state")
    assert paths.socket == Path("/w/run/winch.sock")


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Paths.discover({"WINCH_HOME": "here"}).state_dir == tmp_path / "here/state"


def test_without_it_the_systems_directories_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", "/h")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    paths = Paths.discover({})
    # Not below XDG_RUNTIME_DIR, which goes at logout.
    assert paths.run_dir == paths.state_dir / "run"
    assert paths.config_file.parent.name == "winch"


def test_directories_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    paths = Paths.discover({"WINCH_HOME": str(tmp_path / "deep" / "home")})
    umask = os.umask(0)
    try:
        paths.prepare()
    finally:
        os.umask(umask)
    assert mode(paths.state_dir) == 0o700
    assert mode(paths.run_dir) == 0o700
    paths.prepare()


def test_a_home_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    paths = Paths.discover({"WINCH_HOME": str(tmp_path / "file" / "home")})
    with pytest.raises(StateError, match="cannot be made"):
        paths.prepare()


def test_a_long_path_gives_way_to_a_short_one_of_its_own(long_home: Path) -> None:
    paths = Paths.discover({"WINCH_HOME": str(long_home)})
    other = Paths.discover({"WINCH_HOME": str(long_home / "other")})
    assert len(os.fsencode(paths.socket)) <= MAX_SOCKET_PATH
    assert paths.run_dir.name.startswith(f"winch-{os.getuid()}-")
    assert paths.run_dir != other.run_dir
    assert paths == Paths.discover({"WINCH_HOME": str(long_home)})
    paths.prepare()
    assert mode(paths.run_dir) == 0o700


def test_the_short_one_goes_with_its_socket_and_only_that(long_home: Path, tmp_path: Path) -> None:
    paths = Paths.discover({"WINCH_HOME": str(long_home)})
    paths.prepare()
    (paths.run_dir / "other").touch()
    paths.clear()
    assert paths.run_dir.exists()
    (paths.run_dir / "other").unlink()
    paths.clear()
    paths.clear()
    assert not paths.run_dir.exists()
    own = Paths.discover({"WINCH_HOME": str(tmp_path)})
    own.prepare()
    own.clear()
    assert own.run_dir.exists()


def test_one_that_is_still_too_long_says_what_to_do(
    long_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(long_home))
    with pytest.raises(StateError, match="too long") as caught:
        Paths.discover({"WINCH_HOME": str(long_home)})
    assert "WINCH_HOME" in caught.value.hint


class TestSomebodyElsesDirectory:
    @pytest.fixture
    def paths(self, long_home: Path) -> Paths:
        return Paths.discover({"WINCH_HOME": str(long_home)})

    def refused(self, paths: Paths, problem: str) -> None:
        for check in (paths.prepare, paths.check_places):
            with pytest.raises(StateError, match=problem):
                check()

    def test_a_symbolic_link_is_refused(self, paths: Paths, tmp_path: Path) -> None:
        (tmp_path / "theirs").mkdir(mode=0o700)
        paths.run_dir.symlink_to(tmp_path / "theirs")
        self.refused(paths, "is not a directory")

    def test_one_that_others_can_enter_is_refused(self, paths: Paths) -> None:
        paths.run_dir.mkdir()
        paths.run_dir.chmod(0o755)
        self.refused(paths, "open to other users")

    def test_one_of_another_user_is_refused(
        self, paths: Paths, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths.prepare()
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        self.refused(paths, "belongs to another user")

    def test_a_missing_one_is_no_danger(self, paths: Paths) -> None:
        paths.check_places()
        assert not paths.run_dir.exists()
