"""Packages for the tests, as an installer leaves them: a module, and what it tells of itself."""

from __future__ import annotations

from pathlib import Path


def install(place: Path, *, name: str, module: str, code: str, sources: dict[str, str]) -> None:
    """Put a package into a directory that is on Python's path: its code, and its entry points."""
    place.mkdir(exist_ok=True)
    (place / f"{module}.py").write_text(code)
    told = place / f"{name.replace('-', '_')}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "".join(f"{kind} = {target}\n" for kind, target in sources.items())
    (told / "entry_points.txt").write_text(f"[winch.sources]\n{points}")
