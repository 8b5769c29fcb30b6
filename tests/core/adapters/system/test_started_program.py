"""What the machine is to start: the same state, the same settings, and no secret written down."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from core.adapters.system.paths import Paths
from core.adapters.system.started_program import missing_program, service_name, started_program
from core.domain.errors import DaemonError


def described(env: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    program, left_out = started_program(Paths.discover(env), env)
    return program.environment, left_out


def test_what_says_where_things_are_is_written_down(tmp_path: Path) -> None:
    env = {
        "WINCH_HOME": str(tmp_path),
        "PATH": f"/usr/bin:relative:{tmp_path}:/usr/bin:",
        "TZ": "Europe/Berlin",
        "https_proxy": "http://proxy.example:3128",
        "EDITOR": "vi",
    }
    taken, left_out = described(env)
    assert taken == {
        "WINCH_HOME": str(tmp_path),
        "PATH": f"/usr/bin:{tmp_path}",
        "TZ": "Europe/Berlin",
        "https_proxy": "http://proxy.example:3128",
    }
    assert left_out == []


def test_secrets_and_settings_are_named_and_left_out(tmp_path: Path) -> None:
    env = {
        "WINCH_HOME": str(tmp_path),
        "WINCH_LIMITS_ACTIVE": "30",
        "http_proxy": "http://me:secret@proxy.example:3128",
        "ALL_PROXY": "me:secret@proxy.example",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
    }
    taken, left_out = described(env)
    assert taken == {"WINCH_HOME": str(tmp_path), "AWS_REGION": "eu-west-1"}
    assert left_out == ["ALL_PROXY", "AWS_SECRET_ACCESS_KEY", "WINCH_LIMITS_ACTIVE", "http_proxy"]


def test_each_state_directory_has_a_name_of_its_own(tmp_path: Path) -> None:
    names = {service_name(Paths.discover({"WINCH_HOME": str(tmp_path / name)})) for name in "ab"}
    assert len(names) == 2
    assert all(name.startswith("winch-") for name in names)
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    usual = Paths(
        config_file=home / "config.toml",
        state_dir=Paths.usual_state_dir(home),
        run_dir=home / "run",
    )
    assert service_name(usual) == "winch"


def test_a_path_that_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match="plain text"):
        described({"WINCH_HOME": f"{tmp_path}/\n[Service]\nExecStart=/bin/evil"})
    taken, left_out = described({"WINCH_HOME": str(tmp_path), "TZ": "a\nb", "NETRC": "\udcff"})
    assert taken == {"WINCH_HOME": str(tmp_path)}
    assert left_out == ["NETRC", "TZ"]


def test_a_program_or_its_interpreter_that_is_gone_is_named(tmp_path: Path) -> None:
    script = tmp_path / "winch"
    assert missing_program([str(script)]) == str(script)
    script.write_text("#!/gone/python\n")
    script.chmod(0o755)
    assert missing_program([str(script)]) == "/gone/python"
    script.write_text("#!/bin/sh\n")
    assert missing_program([str(script), "daemon", "run"]) is None
    assert missing_program([]) == "the program"
