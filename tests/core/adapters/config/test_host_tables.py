"""The machines of config.toml: what each is reached by, and that a slip names its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.adapters.config.config_file import load
from core.domain.errors import ConfigError
from core.domain.settings import HostSettings

HOSTS = """
[hosts.server]
ssh = ["ssh", "-p", "2222", "me@server"]
winch = "~/.local/bin/winch"
[hosts.lab]
[limits]
active = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_each_machine_has_a_section_of_its_own(file: Path, tmp_path: Path) -> None:
    file.write_text(HOSTS)
    configuration = load(file, {"WINCH_HOSTS_LAB": "passed over"})
    ssh = ("ssh", "-p", "2222", "me@server")
    server = HostSettings(ssh=ssh, winch="~/.local/bin/winch")
    assert configuration.settings.hosts == {"server": server, "lab": HostSettings()}
    assert configuration.settings.limits.active == 7
    again = tmp_path / "again.toml"
    again.write_text(configuration.to_toml())
    assert load(again, {}).settings == configuration.settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hosts = 5", "hosts is a section"),
        ("[[hosts]]", "hosts is a section"),
        ("[hosts]\nserver = 'me@server'", "section of its own"),
        ("[hosts.all]\n", "called 'all'"),
        ('[hosts."a,b"]\n', "called 'a,b'"),
        ('[hosts."-x"]\n', "called '-x'"),
        ("[hosts.a]\nshs = 1", "no setting shs in the section [hosts.a]"),
        ("[hosts.a]\nssh = []", "hosts.a.ssh: it names no program"),
        ("[hosts.a]\nssh = 'me@server'", "must be a list of texts"),
        ("[hosts.a]\nssh = ['ssh', 5]", "must be a list of texts"),
        ("[hosts.a]\nwinch = 5", "hosts.a.winch must be text"),
        ("[hosts.a]\nwinch = ''", "hosts.a.winch: it is empty"),
    ],
)
def test_a_slip_is_said_with_its_line(file: Path, text: str, said: str) -> None:
    file.write_text("# a comment\n" + text)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert said in caught.value.message
    assert ", line " in caught.value.message
    assert caught.value.hint or "must be text" in said
