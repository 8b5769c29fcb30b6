from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.rpc.server import RpcServer
from tests.fakes import FakeService
from tests.unix import serving, short_directory


@pytest.fixture(autouse=True)
def soon_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server that ends wait only shortly for those that do not read or are not answered."""
    monkeypatch.setattr("core.rpc.server._CLOSE_TIMEOUT", 0.2)


@pytest.fixture
def socket_path() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory / "s"


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def server(service: FakeService, socket_path: Path) -> AsyncIterator[RpcServer]:
    async with serving(service, socket_path) as server:
        yield server
