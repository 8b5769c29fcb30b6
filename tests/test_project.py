"""What pyproject.toml says twice agrees, and what is loaded is what is needed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from core.domain.settings import sections
from core.domain.version import VERSION
from tui.input.commands import COMMANDS

ROOT = Path(__file__).parent.parent


def test_the_dev_extra_and_the_dev_group_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = project["project"]["optional-dependencies"]["dev"]
    assert extra == project["dependency-groups"]["dev"]


def test_the_changelog_knows_this_version() -> None:
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_names_every_command(command: str) -> None:
    assert re.search(rf"(`|winch ){command}\b", (ROOT / "README.md").read_text())


def test_every_setting_is_obeyed_somewhere() -> None:
    files = [*ROOT.glob("core/**/*.py"), *ROOT.glob("tui/**/*.py")]
    code = "".join(file.read_text() for file in files)
    for section, keys in sections().items():
        for key in keys:
            # Not its mere name in quotes, as in the words for it and in its bounds.
            assert re.search(rf"\w\.{key}\b(?!\")", code), f"{section}.{key}"


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("core.daemon", {"textual"}),
        ("core.launcher", {"textual", "aiohttp", "tinydb", "aiofiles"}),
        ("tui.cli.main", {"textual", "aiohttp", "tinydb", "aiofiles"}),
        ("tui.app", {"aiohttp", "tinydb", "aiofiles"}),
    ],
)
def test_a_part_loads_nothing_it_does_not_use(module: str, unwanted: set[str]) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert not unwanted & set(loaded.stdout.split())
