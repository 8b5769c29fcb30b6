"""The system's certificates are read once somebody is asked over TLS, and not for anything else."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from core.adapters.net import tls
from core.adapters.net.http import HttpClient
from core.domain.errors import TlsError
from core.domain.settings import NetworkSettings
from tests.core.adapters.net.conftest import fetch
from tests.faults.server import FaultServer

CONTENT = b"content"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Return the only authority that this system trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "system.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return authority


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """Return the contexts that were made of what the system trusts."""
    made = []
    make = ssl.create_default_context

    def noted() -> ssl.SSLContext:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(tls.ssl, "create_default_context", noted)
    return made


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    opened = HttpClient(NetworkSettings())
    yield opened
    await opened.close()


def serving(authority: trustme.CA) -> FaultServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = FaultServer(tls=context)
    server.file("f", CONTENT)
    return server


async def test_whom_the_system_trusts_is_believed_and_nobody_else(
    client: HttpClient, trusted: trustme.CA
) -> None:
    async with serving(trusted) as server:
        assert await fetch(client, server.url_of("f")) == CONTENT
    async with serving(trustme.CA()) as server:
        with pytest.raises(TlsError):
            await fetch(client, server.url_of("f"))


async def test_certificates_are_read_once_for_all_and_connections_shared(
    client: HttpClient, trusted: trustme.CA, reads: list[ssl.SSLContext]
) -> None:
    async with serving(trusted) as server:
        for _ in range(3):
            await fetch(client, server.url_of("f"))
        assert (len(reads), server.connections) == (1, 1)


async def test_a_plain_request_reads_none(client: HttpClient, reads: list[ssl.SSLContext]) -> None:
    async with FaultServer() as server:
        server.file("f", CONTENT)
        assert await fetch(client, server.url_of("f")) == CONTENT
    assert not reads


@pytest.mark.parametrize("believed", [True, False])
async def test_a_proxy_over_tls_has_to_be_trusted_too(
    client: HttpClient, trusted: trustme.CA, monkeypatch: pytest.MonkeyPatch, believed: bool
) -> None:
    async with serving(trusted if believed else trustme.CA()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        if believed:
            assert await fetch(client, "http://files.test/f") == CONTENT
            assert proxy.requests[0].target == "http://files.test/f"
            return
        with pytest.raises(TlsError):
            await fetch(client, "http://files.test/f")
