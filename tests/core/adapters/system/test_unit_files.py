"""What is written to start the daemon by reads back as it was meant, whatever the paths are."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.adapters.system.unit_files import (
    MARK,
    Program,
    crontab_line,
    crontab_mark,
    install_file,
    keep_edited,
    launchd_agent,
    systemd_unit,
    unit_words,
    written_by_us,
)
from core.domain.errors import DaemonError
from tests.systemd.stand_in import quoted_words

ODD = 'o d%n$x${y} "q" \'é \\ #;'
# Whatever a path may hold, but line breaks and what is no Unicode.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)


def program(*words: str, **environment: str) -> Program:
    return Program(
        name="winch",
        state_dir="/state",
        words=(f"/{ODD}", *words),
        environment=environment,
        umask=0o027,
    )


@given(words=st.lists(TEXT), value=TEXT)
def test_a_unit_says_what_is_started(words: list[str], value: str) -> None:
    unit = systemd_unit(program(*words, X=value))
    assert unit_words(unit) == [f"/{ODD}", *words]
    (variable,) = [line for line in unit.splitlines() if line.startswith("Environment=")]
    assert quoted_words(variable) == [f"X={value}"]


@pytest.mark.parametrize(
    "path", ["/plain/winch", "/with space%n/winch", "/$HOME/é/winch", f"/{ODD}"]
)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, path: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    executable = Path(f"{tmp_path}{path}")
    executable.parent.mkdir(parents=True, exist_ok=True)
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    started = Program(
        name="winch",
        state_dir="/state",
        words=(str(executable), "daemon", "run"),
        environment={"WINCH_HOME": f"/{ODD}", "PATH": "/usr/bin:/bin"},
        umask=0o022,
    )
    unit = tmp_path / "winch.service"
    unit.write_text(systemd_unit(started))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit)],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@given(words=st.lists(TEXT), value=TEXT)
def test_launchd_reads_what_is_started(words: list[str], value: str) -> None:
    agent = plistlib.loads(launchd_agent(program(*words, X=value)))
    assert agent["ProgramArguments"] == [f"/{ODD}", *words]
    assert agent["EnvironmentVariables"] == {"X": value}
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["RunAtLoad"] is True


def test_a_shell_below_cron_reads_what_is_started(tmp_path: Path) -> None:
    shown, script = tmp_path / "shown", tmp_path / ODD
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$X" "$@" "$(umask)" >\'{shown}\'\n')
    script.chmod(0o755)
    started = Program(
        name="winch",
        state_dir="/state",
        words=(str(script), ODD, "run"),
        environment={"X": ODD},
        umask=0o027,
    )
    line = crontab_line(started)
    assert line.endswith(crontab_mark("winch"))
    # As crontab(5) has it: a percent sign behind a backslash is one, any other ends the command.
    command = line.removeprefix("@reboot ").replace("\\%", "%")
    assert "%" not in line.replace("\\%", "")
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert shown.read_text().splitlines() == [ODD, ODD, "run", "0027"]


def test_a_crontab_does_without_a_path_that_is_too_long() -> None:
    line = crontab_line(program("daemon", "run", PATH="/x" * 500, TZ="UTC"))
    assert "PATH" not in line
    assert "TZ=UTC" in line
    with pytest.raises(DaemonError, match="too long"):
        crontab_line(program("x" * 1000))


@pytest.mark.parametrize("text", [systemd_unit(program()), launchd_agent(program()).decode()])
def test_what_is_installed_is_known_again_and_nothing_else(tmp_path: Path, text: str) -> None:
    file = tmp_path / "there" / "unit"
    assert install_file(file, text, enable=lambda: None, take_back=file.unlink)
    assert written_by_us(file) == text
    assert not install_file(file, text, enable=lambda: None, take_back=file.unlink)
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "mine").write_text(f"mine\n\n\n{text}")
    assert written_by_us(tmp_path / "link") is None
    assert written_by_us(tmp_path / "mine") is None


@pytest.mark.parametrize("text", [systemd_unit(program()), launchd_agent(program()).decode()])
def test_what_a_person_has_changed_of_it_is_kept_and_nothing_else(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "unit"
    assert keep_edited(file) is None
    for untouched in (text, f"mine: {text.replace(MARK, '')}"):
        file.write_text(untouched)
        assert keep_edited(file) is None
    start = text.index("digest ")
    without = text[:start] + text[start + len("digest 0123456789abcdef") :]
    for edited in (f"{text}# mine\n", text.replace("/state", "/other", 1) + "\n", without):
        file.write_text(edited)
        kept = keep_edited(file)
        assert kept == tmp_path / "unit~"
        assert (file.read_text(), kept.read_text()) == (edited, edited)


def test_what_cannot_be_enabled_is_taken_back_unless_it_was_there_before(tmp_path: Path) -> None:
    def refuse() -> None:
        raise DaemonError("not here")

    file, text = tmp_path / "unit", systemd_unit(program())
    for is_left in (False, True):
        with pytest.raises(DaemonError, match="not here"):
            install_file(file, text, enable=refuse, take_back=file.unlink)
        assert file.exists() is is_left
        before = systemd_unit(program("before"))
        install_file(file, before, enable=lambda: None, take_back=file.unlink)
