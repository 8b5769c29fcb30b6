"""A crontab is the person's: our line comes and goes, and nothing else changes by a byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.adapters.system.cron import Cron
from core.adapters.system.unit_files import Program
from core.domain.errors import DaemonError

# Keeps one in a file, and speaks as cron's own does.
CRONTAB = """#!/bin/sh
case $1 in
-l) if [ -e "$CRONTAB" ]; then exec cat "$CRONTAB"; fi; echo "no crontab for me" >&2; exit 1 ;;
-) exec cat >"$CRONTAB" ;;
-r) exec rm "$CRONTAB" ;;
esac
"""


def program(name: str = "winch", *words: str) -> Program:
    return Program(
        name=name,
        state_dir="/state",
        words=("/bin/winch", *words),
        environment={},
        umask=0o022,
    )


@pytest.fixture
def crontab(tmp_path: Path) -> Path:
    """Return the file that stands for the crontab."""
    script = tmp_path / "crontab"
    script.write_text(CRONTAB)
    script.chmod(0o755)
    return tmp_path / "table"


@pytest.fixture
def cron(crontab: Path, monkeypatch: pytest.MonkeyPatch) -> Cron:
    monkeypatch.setenv("PATH", f"{crontab.parent}:{os.environ['PATH']}")
    return Cron("winch", dict(os.environ) | {"CRONTAB": str(crontab)})


@pytest.mark.parametrize(
    "content",
    [
        b"MAILTO=me\n\n# mine\n0 5 * * * backup \\% \xff\r\n@reboot other daemon run\n",
        b"@reboot /bin/winch daemon run # winch-1234: by 'winch daemon install'\n",
        b"\n\n",
    ],
)
def test_what_was_there_stays_as_it_was(cron: Cron, crontab: Path, content: bytes) -> None:
    crontab.write_bytes(content)
    assert cron.written() is None
    assert cron.install(program())
    assert not cron.install(program())
    assert crontab.read_bytes() == content + cron.text(program()).encode()
    assert cron.written() == cron.text(program())
    # With another path it is replaced, not added a second time.
    assert cron.install(program("winch", "daemon"))
    assert crontab.read_bytes().count(b"@reboot") == content.count(b"@reboot") + 1
    assert cron.uninstall()
    assert not cron.uninstall()
    assert crontab.read_bytes() == content


def test_none_before_is_none_after(cron: Cron, crontab: Path) -> None:
    assert cron.install(program())
    assert crontab.exists()
    assert cron.uninstall()
    assert not crontab.exists()


def test_a_crontab_that_cannot_be_read_is_left_alone(cron: Cron, crontab: Path) -> None:
    crontab.mkdir()
    (crontab / "precious").touch()
    for change in (lambda: cron.install(program()), cron.uninstall):
        with pytest.raises(DaemonError, match="directory"):
            change()
    assert cron.refusal() is not None
    assert (crontab / "precious").exists()
