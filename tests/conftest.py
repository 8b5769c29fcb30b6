"""What tests of several floors share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.faults.server import FaultServer


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    """A loopback web server that fails as told."""
    async with FaultServer() as server:
        yield server
