"""Who winch says it is, to whom, and over which proxy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.domain.errors import ErrorCode
from core.domain.models import Status
from core.domain.value import replace
from tests.core.engine.conftest import Workspace, fetch
from tests.faults.model import Request, content
from tests.faults.server import FaultServer

DATA = content(3_000_000)
BASIC = "Basic bWU6aHVudGVyMg=="


def elsewhere(url: str) -> str:
    """Return the same address under another name, so that it is another origin."""
    return url.replace("127.0.0.1", "localhost")


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    return path


async def test_a_login_of_netrc_stays_with_its_host(
    workspace: Workspace, fault_server: FaultServer, netrc: Path
) -> None:
    netrc.write_text("machine 127.0.0.1 login me password hunter2")
    target = elsewhere(fault_server.file("b", DATA))
    url = fault_server.file("a", redirect_to=target, statuses=[401])
    engine = await workspace.engine()
    assert (await fetch(engine, workspace.request(url))).status is Status.COMPLETED
    assert fault_server.requests_to("a")[-1].headers["authorization"] == BASIC
    assert all("authorization" not in r.headers for r in fault_server.requests_to("b"))


async def test_a_header_that_was_given_goes_before_netrc(
    workspace: Workspace, fault_server: FaultServer, netrc: Path
) -> None:
    netrc.write_text("machine 127.0.0.1 login me password hunter2")
    engine = await workspace.engine()
    request = workspace.request(fault_server.file("a", DATA))
    request = replace(request, headers={"authorization": "Bearer t"})
    assert (await fetch(engine, request)).status is Status.COMPLETED
    assert {r.headers["authorization"] for r in fault_server.requests} == {"Bearer t"}


async def test_every_hop_gets_the_cookies_that_are_for_it(
    workspace: Workspace, fault_server: FaultServer, tmp_path: Path
) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text(
        "# Netscape HTTP Cookie File\n"
        "127.0.0.1\tFALSE\t/\tFALSE\t0\tone\t1\n"
        "localhost\tFALSE\t/\tFALSE\t0\ttwo\t2\n"
    )
    url = fault_server.file("a", redirect_to=elsewhere(fault_server.file("b", DATA)))
    engine = await workspace.engine()
    request = replace(workspace.request(url), cookies=str(file))
    assert (await fetch(engine, request)).status is Status.COMPLETED
    assert fault_server.requests_to("a")[0].headers["cookie"] == "one=1"
    assert {r.headers["cookie"] for r in fault_server.requests_to("b")} == {"two=2"}


async def test_a_mirror_elsewhere_is_told_no_secret(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    url = fault_server.file("a", DATA, rate=500_000.0)
    mirror = elsewhere(fault_server.file("b", DATA, rate=500_000.0))
    engine = await workspace.engine()
    request = replace(
        workspace.request(url), mirrors=(mirror,), headers={"Authorization": BASIC, "X-Key": "k"}
    )
    assert (await fetch(engine, request)).status is Status.COMPLETED
    assert fault_server.requests_to("b")
    assert all(
        not {"authorization", "x-key"} & set(r.headers) for r in fault_server.requests_to("b")
    )
    assert all(r.headers["x-key"] == "k" for r in fault_server.requests_to("a"))


async def test_a_proxy_of_the_environment_is_used_and_logged_in_to(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault_server.file("a", DATA)
    monkeypatch.setenv("http_proxy", fault_server.url.replace("://", "://me:hunter2@"))
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request("http://far.invalid/a"))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    seen = fault_server.requests[0]
    assert seen.target == "http://far.invalid/a"
    assert seen.headers["proxy-authorization"] == BASIC
    assert "hunter2" not in str(done)


async def test_no_proxy_names_what_is_reached_directly(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    engine = await workspace.engine()
    url = fault_server.file("a", DATA)
    assert (await fetch(engine, workspace.request(url))).status is Status.COMPLETED


async def test_https_goes_through_the_proxy_in_a_tunnel(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")

    fault_server.script("443", refuse)
    monkeypatch.setenv("https_proxy", fault_server.url.replace("://", "://me:hunter2@"))
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request("https://far.invalid/a"))
    assert (fault_server.requests[0].method, fault_server.requests[0].target) == (
        "CONNECT",
        "far.invalid:443",
    )
    assert fault_server.requests[0].headers["proxy-authorization"] == BASIC
    assert failed.error is not None
    assert failed.error.code is ErrorCode.AUTH_REQUIRED
    assert "hunter2" not in str(failed)


async def test_a_proxy_that_speaks_no_http_fails_for_good(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def babble(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"what\r\n\r\n")

    fault_server.script("443", babble)
    monkeypatch.setenv("https_proxy", fault_server.url)
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request("https://far.invalid/a"))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.PROTOCOL


async def test_a_proxy_of_another_kind_is_refused_in_words(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://me:hunter2@127.0.0.1:1080")
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request("http://far.invalid/a"))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CONFIG
    assert "socks5" in failed.error.message
    assert "hunter2" not in str(failed)
