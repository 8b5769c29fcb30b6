"""The file with the figures: for others to read, whole at every moment, and honest at the end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from core.domain.events import Noticed, Snapshot
from core.domain.settings import MetricsSettings, Settings
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace


def _wanting(path: Path) -> Settings:
    return replace(SETTINGS, metrics=MetricsSettings(file=str(path)))


async def _written(path: Path) -> str:
    async with asyncio.timeout(30):
        while not path.exists():  # noqa: ASYNC110 (a file tells nobody)
            await asyncio.sleep(0.01)
    return path.read_text()


@pytest.fixture
def strict_umask() -> object:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
async def test_it_is_for_all_to_read_and_says_at_the_end_that_nothing_is_up(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "collector" / "winch.prom"
    path.parent.mkdir()
    engine = await workspace.engine(_wanting(path))
    text = await _written(path)
    assert "\nwinch_up{" in text
    assert 'winch_downloads{user="' in text
    assert path.stat().st_mode & 0o777 == 0o644
    await engine.close()
    text = path.read_text()
    assert "winch_downloads" not in text
    assert [line[-2:] for line in text.splitlines() if line.startswith("winch_up")] == [" 0"]
    assert [each.name for each in path.parent.iterdir()] == ["winch.prom"]


async def test_another_file_is_written_once_config_toml_says_so(
    workspace: Workspace, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.prom", tmp_path / "two.prom"
    engine = await workspace.engine(_wanting(one))
    await _written(one)
    engine.read_settings = lambda: _wanting(two)
    assert await engine.reload() == []
    await _written(two)
    assert "winch_downloads" not in one.read_text()


async def _told(engine: Engine, *, until: bool) -> list[str]:
    """Return the notices about the file, once there are some or (False) none."""
    async with asyncio.timeout(30), engine.subscribe() as events:
        async for event in events:
            if isinstance(event, Snapshot | Noticed):
                found = [text for text in event.notices if "metrics" in text]
                if bool(found) is until:
                    return found
    raise AssertionError


async def test_what_cannot_be_written_is_said_once_and_taken_back(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "missing" / "winch.prom"
    engine = await workspace.engine(_wanting(path))
    assert await _told(engine, until=True) == [
        f"the metrics file {path} cannot be written: No such file or directory"
    ]
    engine.read_settings = lambda: _wanting(tmp_path / "winch.prom")
    await engine.reload()
    await _written(tmp_path / "winch.prom")
    assert await _told(engine, until=False) == []
    assert sum("metrics file" in record.message for record in caplog.records) == 1
