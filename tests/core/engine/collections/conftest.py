"""A collection on real files, of a list beside a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.engine.collections.dataset import Dataset
from tests.core.engine.conftest import Workspace
from tests.faults.server import FaultServer


@pytest.fixture
async def dataset(workspace: Workspace, fault_server: FaultServer, tmp_path: Path) -> Dataset:
    made = Dataset(workspace, fault_server, tmp_path)
    await made.start()
    return made
