"""What others could write in, or swap, is refused with the path and the mend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.adapters.config import config_file
from core.adapters.files import ownership
from core.adapters.files.ownership import check_place
from core.adapters.system.paths import Paths
from core.domain.errors import ConfigError, StateError

NOBODY = 65534


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a directory to another user takes root")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.discover({"WINCH_HOME": str(tmp_path / "home")})
    found.prepare()
    return found


def refused(paths: Paths, words: str) -> StateError:
    for check in (paths.check_places, paths.prepare):
        with pytest.raises(StateError, match=words) as caught:
            check()
    return caught.value


@pytest.mark.parametrize("place", ["state", "run", "."])
@pytest.mark.parametrize("bits", [0o777, 0o757, 0o702])
def test_a_directory_that_everybody_can_write_in_is_refused(
    paths: Paths, place: str, bits: int
) -> None:
    directory = paths.config_file.parent / place
    directory.chmod(bits)
    error = refused(paths, str(directory))
    assert "chmod" in error.hint
    # Nobody makes it look safe by himself: what was planted there is still there.
    assert directory.stat().st_mode & 0o777 == bits


def test_a_group_of_others_is_refused_and_an_own_one_is_not(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.state_dir.chmod(0o770)
    monkeypatch.setattr(ownership, "_is_nobody_elses", lambda gid: False)
    refused(paths, "state can be written by its group")
    monkeypatch.setattr(ownership, "_is_nobody_elses", lambda gid: True)
    paths.check_places()


def test_what_others_can_only_read_is_made_private(paths: Paths) -> None:
    paths.state_dir.chmod(0o755)
    paths.prepare()
    assert paths.state_dir.stat().st_mode & 0o777 == 0o700


def test_a_link_that_another_user_can_turn_is_refused(
    paths: Paths, tmp_path: Path, as_root: None
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    theirs, mine = shared / "theirs", shared / "mine"
    theirs.symlink_to(paths.state_dir.parent)
    mine.symlink_to("theirs/../theirs")
    check_place(mine / "state")
    os.lchown(theirs, NOBODY, NOBODY)
    for link in (theirs, mine):
        for place in (link, link / "state", link / "missing"):
            with pytest.raises(StateError, match=f"{theirs}, a link .* belongs to nobody"):
                check_place(place)


def test_a_way_that_others_can_rename_is_refused(paths: Paths, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    refused(paths, f"{tmp_path}, which leads to")
    tmp_path.chmod(0o1777)
    paths.check_places()


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("place", ["state", "state/resume_data", "run", "."])
def test_a_directory_of_another_user_is_refused_for_root_too(paths: Paths, place: str) -> None:
    directory = paths.config_file.parent / place
    directory.mkdir(exist_ok=True)
    os.chown(directory, NOBODY, NOBODY)
    error = refused(paths, "belongs to")
    assert str(directory) in error.message
    assert "WINCH_HOME" in error.hint or "chmod 700" in error.hint


@pytest.mark.usefixtures("as_root")
def test_root_leaves_nothing_in_a_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    monkeypatch.setenv("HOME", str(home))
    for name in ("WINCH_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    error = refused(Paths.discover(os.environ), f"{home}, which leads to .* belongs to")
    assert "sudo -H" in error.hint
    assert not list(home.iterdir())


@pytest.mark.usefixtures("as_root")
def test_where_a_link_leads_is_what_counts(paths: Paths, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)
    link = tmp_path / "link"
    link.symlink_to(theirs)
    with pytest.raises(StateError, match="belongs to"):
        check_place(link)
    with pytest.raises(StateError, match="belongs to"):
        check_place(link / "deeper")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(StateError):
        check_place(loop / "deeper")


def test_settings_that_others_can_write_are_refused(paths: Paths) -> None:
    paths.config_file.write_text("[limits]\nactive = 3\n")
    assert config_file.load(paths.config_file, {}).settings.limits.active == 3
    paths.config_file.chmod(0o646)
    with pytest.raises(ConfigError, match=r"config\.toml can be written by everybody") as caught:
        config_file.load(paths.config_file, {})
    assert f"chmod go-w '{paths.config_file}'" in caught.value.hint


@pytest.mark.usefixtures("as_root")
def test_settings_of_another_user_are_refused(paths: Paths) -> None:
    paths.config_file.touch(0o600)
    os.chown(paths.config_file, NOBODY, NOBODY)
    with pytest.raises(ConfigError, match=r"config\.toml belongs to"):
        config_file.load(paths.config_file, {})
