"""Who is connected to after a redirect, and not only what its name was said to be."""

from __future__ import annotations

import pytest

from core.domain.errors import ErrorCode
from tests.core.engine.conftest import Workspace, fetch
from tests.faults.server import FaultServer

DATA = b"private" * 1000


async def test_a_name_that_changes_its_address_leads_nobody_inside(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def addresses(host: str) -> frozenset[str]:
        return frozenset({"93.184.216.34"})

    monkeypatch.setattr("core.adapters.net.reach.addresses", addresses)
    inside = fault_server.file("inside", DATA).replace("127.0.0.1", "localhost")
    url = fault_server.file("a", redirect_to=inside)
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request(url))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.REDIRECT
    assert "private network" in failed.error.message
    assert [request.path for request in fault_server.requests] == ["a"]
