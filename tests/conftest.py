"""What tests of several floors share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.faults.server import FaultServer


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's proxies and logins out of the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    """A loopback web server that fails as told."""
    async with FaultServer() as server:
        yield server
