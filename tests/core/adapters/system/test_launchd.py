"""What launchd is asked for, told by a launchctl that takes nearly everything."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path

import pytest

from core.adapters.system.launchd import Launchd
from core.adapters.system.unit_files import Program
from core.domain.errors import DaemonError

# Knows what is loaded by a file of that name; there is no graphical login.
LAUNCHCTL = """#!/bin/sh
echo "$*" >>"$ASKED"
case "$1 $2" in
"bootstrap "*) if [ -e "$LOADED.refuses" ]; then echo "Bootstrap failed: 5" >&2; exit 5; fi
    touch "$LOADED" ;;
"bootout "*) rm "$LOADED" ;;
"print gui/"*) exit 113 ;;
"print "* | "kill "* | "kickstart "*) [ -e "$LOADED" ] ;;
esac
"""
PROGRAM = Program(
    name="winch",
    state_dir="/state",
    words=("/bin/winch", "daemon", "run"),
    environment={"TZ": "UTC"},
    umask=0o022,
)


@pytest.fixture
def launchd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launchd:
    (tmp_path / "launchctl").write_text(LAUNCHCTL)
    (tmp_path / "launchctl").chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    more = {"ASKED": str(tmp_path / "asked"), "LOADED": str(tmp_path / "loaded")}
    return Launchd("winch", {**os.environ, **more})


def test_an_agent_is_loaded_started_and_taken_back(launchd: Launchd, tmp_path: Path) -> None:
    assert not launchd.is_active()
    assert not launchd.start()
    assert launchd.install(PROGRAM)
    assert not launchd.install(PROGRAM)
    assert plistlib.loads(launchd.file.read_bytes())["Label"] == "winch"
    assert launchd.start()
    assert launchd.stop()
    target = f"user/{os.getuid()}"
    asked = (tmp_path / "asked").read_text()
    assert f"bootstrap {target} {launchd.file}" in asked
    assert f"kickstart {target}/winch" in asked
    assert f"kill SIGTERM {target}/winch" in asked
    assert launchd.uninstall()
    assert not launchd.uninstall()
    assert not launchd.file.exists()
    assert not launchd.is_active()


def test_what_cannot_be_loaded_is_taken_back(launchd: Launchd, tmp_path: Path) -> None:
    (tmp_path / "loaded.refuses").touch()
    with pytest.raises(DaemonError, match="Bootstrap failed: 5"):
        launchd.install(PROGRAM)
    assert not launchd.file.exists()


def test_an_agent_of_a_persons_own_is_left_alone(launchd: Launchd) -> None:
    launchd.file.parent.mkdir(parents=True)
    launchd.file.write_text("mine")
    with pytest.raises(DaemonError, match="not written by winch"):
        launchd.install(PROGRAM)
    assert not launchd.uninstall()
    assert launchd.file.read_text() == "mine"
