"""One POST: what is sent, who is followed, and what its errors give away."""

from __future__ import annotations

import asyncio
from asyncio import StreamWriter
from pathlib import Path

import pytest

from core.adapters.net.post import post
from core.adapters.net.tls import Trust
from core.domain.errors import HttpStatusError, NetworkError, TransferTimeoutError
from tests.faults.model import Request
from tests.faults.server import FaultServer

SECRET = "hidden"


async def send(url: str, *, timeout: float = 10.0) -> None:
    await post(url, {"Title": "winch"}, b"text", timeout=timeout, trust=Trust())


def answering(server: FaultServer, head: str) -> str:
    async def answer(_: Request, writer: StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    return server.script("topic", answer).replace("//", f"//me:{SECRET}@")


async def test_it_is_sent_with_its_login_and_nothing_of_netrc_or_cookies(
    fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    await send(answering(fault_server, "200 OK\r\nSet-Cookie: a=b"))
    (request,) = fault_server.requests_to("topic")
    assert (request.method, request.headers["title"]) == ("POST", "winch")
    assert request.headers["authorization"] == "Basic bWU6aGlkZGVu"
    assert request.headers["content-length"] == "4"
    assert "cookie" not in request.headers

    await send(fault_server.url_of("topic"))
    assert "authorization" not in fault_server.requests_to("topic")[1].headers


@pytest.mark.parametrize(
    ("head", "retryable"),
    [
        ("302 Found\r\nLocation: http://127.0.0.1:1/", False),
        ("403 Forbidden", False),
        ("429 Too Many", True),
        ("503 Busy", True),
    ],
)
async def test_another_answer_is_an_error_that_names_the_host_alone(
    fault_server: FaultServer, head: str, retryable: bool
) -> None:
    with pytest.raises(HttpStatusError, match=f"127.0.0.1 answered with {head[:3]}") as raised:
        await send(answering(fault_server, head))
    assert raised.value.retryable is retryable
    assert SECRET not in str(raised.value)


async def test_who_never_answers_is_given_up(fault_server: FaultServer) -> None:
    over = asyncio.Event()

    async def hang(_: Request, __: StreamWriter) -> None:
        await over.wait()

    with pytest.raises(TransferTimeoutError, match="did not answer in time"):
        await send(fault_server.script("topic", hang), timeout=0.1)
    over.set()


async def test_nobody_there_is_an_error_that_may_pass() -> None:
    with pytest.raises(NetworkError) as raised:
        await send(f"http://me:{SECRET}@127.0.0.1:1/{SECRET}")
    assert SECRET not in str(raised.value)
    assert raised.value.retryable


async def test_an_answer_without_end_is_not_read(fault_server: FaultServer) -> None:
    async def flood(_: Request, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT011, PT012 - whichever end notices first
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    await send(fault_server.script("topic", flood))
