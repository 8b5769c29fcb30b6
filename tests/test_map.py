"""The maps of core, tui and tests: every path on them leads somewhere, and no room is left out.

A name without a folder may stand for a file of any folder.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAPS = ("core", "tui", "tests")
_PATH = re.compile(r"`((?:[\w.]+/)*[\w.]+(?:\.py|/))`")


@pytest.mark.parametrize("folder", MAPS)
def test_every_path_on_a_map_leads_somewhere(folder: str) -> None:
    named = _PATH.findall((ROOT / folder / "README.md").read_text())
    assert len(named) > 5
    lost = [path for path in named if not leads_somewhere(folder, path)]
    assert not lost


def leads_somewhere(folder: str, path: str) -> bool:
    """Tell whether a path is there, from the map's folder or the root; a bare name, anywhere."""
    if (ROOT / path).exists() or (ROOT / folder / path).exists():
        return True
    return "/" not in path and any((ROOT / folder).rglob(path))


@pytest.mark.parametrize("folder", ["core", "tui"])
def test_every_room_is_on_its_map(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text()
    rooms = {path.parent.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.py")}
    leaves = {f"{room}/" for room in rooms if not any(room in other.parents for other in rooms)}
    loose = {p.name for p in (ROOT / folder).glob("*.py")} - {"__init__.py"}
    assert not {name for name in leaves | loose if f"`{name}`" not in text}
