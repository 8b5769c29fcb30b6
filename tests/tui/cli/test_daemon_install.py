"""`winch daemon install` in words, and by a real cron; `tests/systemd` runs the unit itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tui.cli.conftest import Winch
from tests.unix import short_directory

# A manager that takes everything and tells what it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$ASKED"
case "$*" in *ActiveState*) echo inactive ;; esac
"""
LOGINCTL = """#!/bin/sh
echo "$*" >>"$ASKED"
case "$*" in
*show-user*) cat "$LINGERS" ;;
*enable-linger*) if [ -e "$REFUSED" ]; then echo "Access denied" >&2; exit 1; fi ;;
esac
"""
# Boots a machine of which cron is all that starts programs.
CRON = """
mount --make-rprivate / && mount -t tmpfs none /run && mount -t tmpfs none /var/spool/cron &&
mkdir -m 1730 /var/spool/cron/crontabs && chgrp crontab /var/spool/cron/crontabs &&
printf '# mine\\n0 5 1 1 * true \\\\%% x\\n' | crontab - && crontab -l >"$WINCH_HOME/before" &&
"$1" daemon install && "$1" daemon status; cron -f &
until "$1" daemon status >"$WINCH_HOME/status"; do sleep 0.1; done
"$1" daemon stop; "$1" daemon uninstall && crontab -l | cmp - "$WINCH_HOME/before"
"""


@pytest.fixture
def asked(winch: Winch, tmp_path: Path) -> Callable[[], str]:
    """Have a home and a manager of its own; return what tells what that was asked."""
    for name, script in (("systemctl", SYSTEMCTL), ("loginctl", LOGINCTL)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "lingers").write_text("no\n")
    (tmp_path / "asked").touch()
    winch.env |= {
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ASKED": str(tmp_path / "asked"),
        "LINGERS": str(tmp_path / "lingers"),
        "REFUSED": str(tmp_path / "refused"),
    }
    winch.env.pop("XDG_CONFIG_HOME", None)
    return (tmp_path / "asked").read_text


def units(winch: Winch) -> list[Path]:
    return list(Path(winch.env["HOME"]).glob(".config/systemd/user/*"))


@pytest.mark.parametrize("manager", ["systemd", "launchd", "cron"])
def test_what_would_be_written_is_shown_and_nothing_touched(winch: Winch, manager: str) -> None:
    home = Path(winch.env["WINCH_HOME"])
    shown = winch("daemon", "install", "--print", "--manager", manager)
    assert shown.returncode == 0
    assert "daemon" in shown.stdout
    assert str(home) in shown.stdout
    assert "nothing was touched" in shown.stderr
    # It says what will be missing.
    assert "not for the daemon that is started so: WINCH_RETRY_BASE" in shown.stderr
    assert not home.exists()


def test_a_login_is_explained_and_nothing_done_without_consent(
    winch: Winch, asked: Callable[[], str], tmp_path: Path
) -> None:
    installed = winch("daemon", "install")
    assert installed.returncode == 0, installed.stderr
    assert "`loginctl enable-linger`" in installed.stderr
    refused = winch.answer(b"n\n", "daemon", "install")
    assert refused.returncode == 0
    assert b"enable lingering for your account? [y/N]" in refused.stderr.encode()
    assert "enable-linger" not in asked()
    assert "lingers" in winch.answer(b"y\n", "daemon", "install").stderr
    assert asked().count("enable-linger") == 1


def test_lingering_is_enabled_where_it_is_asked_for(
    winch: Winch, asked: Callable[[], str], tmp_path: Path
) -> None:
    assert "starts at boot" in winch("daemon", "install", "--linger").stderr
    assert asked().count("enable-linger") == 1
    (tmp_path / "refused").touch()
    installed = winch("daemon", "install", "--linger")
    assert installed.returncode == 0
    assert "Access denied" in installed.stderr
    assert "sudo loginctl enable-linger" in installed.stderr
    (tmp_path / "lingers").write_text("yes\n")
    assert "still lingers" in winch("daemon", "uninstall").stderr
    assert "disable-linger" not in asked()
    assert units(winch) == []


def test_doctor_says_whether_a_reboot_is_survived(
    winch: Winch, asked: Callable[[], str], tmp_path: Path
) -> None:
    def found() -> str:
        checks = winch.json("doctor")["checks"]
        (check,) = (check for check in checks if check["subject"] == "reboot")
        return f"{check['level']}: {check['text']}"

    assert found().startswith("notice: nothing starts winch")
    winch("daemon", "install")
    # The manager here takes everything, and does nothing of it.
    (unit,) = (path for path in units(winch) if path.is_file())
    assert found() == f"notice: {unit.name} is not enabled"
    (wanted := unit.parent / "default.target.wants").mkdir()
    (wanted / unit.name).symlink_to(unit)
    assert "not at boot, as your account does not linger" in found()
    (tmp_path / "lingers").write_text("yes\n")
    assert found() == f"ok: {unit.name} starts winch at boot, and again after a crash"
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho no bus >&2\nexit 1\n")
    assert "systemd does not answer: `systemctl --user show`: no bus" in found()
    refused = winch("daemon", "install")
    assert (refused.returncode, "no bus" in refused.stderr) == (1, True)
    unit.write_text(unit.read_text().replace('ExecStart="', 'ExecStart="/gone'))
    assert "starts /gone/" in found()
    # Of another state directory it is not.
    winch.env["WINCH_HOME"] += "2"
    assert found().startswith("notice: nothing starts winch")
    winch("daemon", "stop")
    winch.env["WINCH_HOME"] = winch.env["WINCH_HOME"].removesuffix("2")


def test_a_unit_of_a_persons_own_is_left_alone(winch: Winch, asked: Callable[[], str]) -> None:
    winch("daemon", "install")
    (unit,) = (path for path in units(winch) if path.is_file())
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    refused = winch("daemon", "install")
    assert refused.returncode == 1
    assert "not written by winch" in refused.stderr
    assert "nothing is installed" in winch("daemon", "uninstall").stderr
    assert unit.read_text() == "[Service]\nExecStart=/bin/true\n"


def test_a_unit_that_was_changed_by_hand_is_kept_and_that_is_said(
    winch: Winch, asked: Callable[[], str]
) -> None:
    winch("daemon", "install")
    (unit,) = (path for path in units(winch) if path.is_file())
    kept, written = unit.with_name(f"{unit.name}~"), unit.read_text()
    assert "changed by hand" not in winch("daemon", "install").stderr
    for word in ("install", "uninstall"):
        unit.write_text(edited := written.replace("WatchdogSec=60", "WatchdogSec=999"))
        assert f"{unit} was changed by hand; as it was it is kept as {kept}" in (
            winch("daemon", word).stderr
        )
        assert kept.read_text() == edited
        assert unit.exists() is (word == "install")
        kept.unlink()
    winch("daemon", "install")
    assert "changed by hand" not in winch("daemon", "uninstall").stderr
    assert not kept.exists()


def test_what_is_not_here_is_said(winch: Winch) -> None:
    winch.env["PATH"] = "/nonexistent"
    nothing = winch("daemon", "install")
    assert nothing.returncode == 1
    assert "`winch daemon run`" in nothing.stderr
    assert winch("daemon", "stop", "--linger").returncode == 2


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("cron") is None or shutil.which("unshare") is None,
    reason="only root can boot a machine of its own, with cron on it",
)
def test_cron_starts_the_daemon_with_the_machine() -> None:
    program = Path(sys.executable).with_name("winch")
    with short_directory() as directory:
        (home := directory / "50 %h").mkdir()
        clean = {name: v for name, v in os.environ.items() if not name.startswith("WINCH")}
        booted = subprocess.run(
            ["unshare", "-m", "-p", "-f", "--mount-proc", "bash", "-c", CRON, "boot", program],
            env=clean | {"WINCH_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert booted.returncode == 0, booted.stderr
        # Installing it has started none yet.
        assert booted.stdout.startswith("not running")
        assert "the daemon, process" in (home / "status").read_text()
