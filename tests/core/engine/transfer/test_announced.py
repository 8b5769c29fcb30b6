"""Mirrors and documents that a server names in the head of its answer (RFC 6249)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.domain.models import Checksum, DownloadRecord, Status
from core.domain.settings import LimitSettings
from core.domain.value import replace
from tests.core.engine.conftest import SETTINGS, Workspace, fetch
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer

SIZE = 4_000_000
PIECE = 250_000
DATA = content(SIZE)
OTHER = DATA[: SIZE // 2] + content(SIZE // 2, seed=1)
MANY = replace(SETTINGS, limits=LimitSettings(min_split="64k"))
RATE = 3_000_000


def digest(data: bytes = DATA, algorithm: str = "sha256") -> str:
    return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


def proved(link: str) -> dict[str, str | None]:
    """Return what a Metalink server sends: where else the file is, and what it must be."""
    return {"Link": link, "Digest": f"SHA-256={digest()}"}


def notes(download: DownloadRecord) -> str:
    return "\n".join(entry.text for entry in download.timeline)


def document(*urls: str, data: bytes = DATA, name: str = "a", size: int | None = None) -> bytes:
    hashes = "".join(
        f"<hash>{hashlib.sha256(data[at : at + PIECE]).hexdigest()}</hash>"
        for at in range(0, len(data), PIECE)
    )
    links = "".join(f"<url>{url}</url>" for url in urls)
    return f"""<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="{name}">
<size>{len(data) if size is None else size}</size>
<hash type="sha-256">{hashlib.sha256(data).hexdigest()}</hash>
<pieces length="{PIECE}" type="sha-256">{hashes}</pieces>{links}</file></metalink>""".encode()


@pytest.fixture
async def mirror() -> AsyncIterator[FaultServer]:
    async with FaultServer() as server:
        yield server


async def test_mirrors_help_where_a_digest_proves_the_file(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    other = mirror.file("b", DATA, rate=RATE, etag='"of the mirror"')
    headers = proved(f"<{other}>; rel=duplicate; pri=1; geo=de")
    url = fault_server.file("a", DATA, rate=RATE, headers=headers)
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert mirror.bytes_served("b") > 0
    assert done.resume_verdict == "verified: sha256 is right"
    assert "its server names 1 mirror" in notes(done)


@pytest.mark.parametrize("weak", [{}, {"Digest": f"MD5={digest(algorithm='md5')}"}])
async def test_mirrors_are_left_alone_where_nothing_strong_proves_the_file(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer, weak: dict[str, str]
) -> None:
    link = f"<{mirror.file('b', DATA)}>; rel=duplicate"
    url = fault_server.file("a", DATA, rate=RATE, headers={"Link": link, **weak})
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert mirror.requests == []


async def test_a_checksum_of_the_person_proves_it_too(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    link = f"<{mirror.file('b', DATA, rate=RATE)}>; rel=duplicate"
    url = fault_server.file("a", DATA, rate=RATE, headers={"Link": link})
    checksum = Checksum("sha256", hashlib.sha256(DATA).hexdigest())
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url, checksum=checksum))
    assert done.status is Status.COMPLETED
    assert mirror.requests


async def test_mirrors_get_no_secret(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    link = f"<{mirror.file('b', DATA, rate=RATE)}>; rel=duplicate"
    url = fault_server.file("a", DATA, rate=RATE, headers=proved(link))
    engine = await workspace.engine(MANY)
    secret = {"Authorization": "Bearer x", "X-Api-Key": "y", "Cookie": "z"}
    await fetch(engine, replace(workspace.request(url), headers=secret))
    assert all(request.headers["x-api-key"] == "y" for request in fault_server.requests)
    assert mirror.requests
    for request in mirror.requests:
        assert request.headers.keys().isdisjoint({"authorization", "x-api-key", "cookie"})


async def test_a_mirror_that_lies_costs_time_and_not_the_file(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    """Wrong bytes far from the places where answers meet are seen by the digest alone."""

    async def lie(request: Request, writer: asyncio.StreamWriter) -> bool:
        start = int((request.range or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        wrong = bytearray(DATA)
        wrong[min(start + 100_000, SIZE - 1)] ^= 0xFF
        return await mirror.answer(request, writer, File(content=bytes(wrong), rate=RATE))

    link = f"<{mirror.script('b', lie)}>; rel=duplicate"
    url = fault_server.file("a", DATA, rate=RATE, headers=proved(link))
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert "with what other mirrors sent" in notes(done)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"statuses": [404] * 9},
        {"statuses": [503] * 9},
        {"content": DATA + b"x"},
        {"content": DATA[:-1]},
        {"content": b""},
        {"ranges": False},
        {"redirect_to": "file:///etc/passwd"},
        {"fail_after": 1000},
        {"headers": {"Content-Range": "bytes 0-9/10"}},
        {"headers": {"Content-Encoding": "gzip"}},
    ],
)
async def test_mirrors_that_are_of_no_use_do_no_harm(
    workspace: Workspace,
    fault_server: FaultServer,
    mirror: FaultServer,
    spoiled: dict[str, Any],
) -> None:
    dead = "http://127.0.0.1:9/a"
    other = mirror.file("b", **{"content": DATA, "rate": RATE, **spoiled})
    headers = proved(f"<{dead}>; rel=duplicate; pri=1, <{other}>; rel=duplicate; pri=2")
    url = fault_server.file("a", DATA, rate=RATE, headers=headers)
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert done.resume_verdict == "verified: sha256 is right"


async def test_mirrors_may_be_named_by_the_redirect_to_one_of_them(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    """As the redirectors of distributions do."""
    first = mirror.file("b", DATA, rate=RATE)
    async with FaultServer() as third:
        second = third.file("c", DATA, rate=RATE, etag='"c"')

        async def redirect(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(
                f"HTTP/1.1 302 Found\r\nLocation: {first}\r\nContent-Length: 0\r\n"
                f"Link: <{first}>; rel=duplicate; pri=1\r\n"
                f"Link: <{second}>; rel=duplicate; pri=2\r\n"
                f"Digest: SHA-256={digest()}\r\nConnection: close\r\n\r\n".encode()
            )

        engine = await workspace.engine(MANY)
        done = await fetch(engine, workspace.request(fault_server.script("a", redirect)))
        assert done.status is Status.COMPLETED
        assert workspace.content("a") == DATA
        assert third.requests
        assert done.resume_verdict == "verified: sha256 is right"


def described(server: FaultServer, name: str = "a.meta4") -> str:
    address = server.url_of(name)
    return f'<{address}>; rel=describedby; type="application/metalink4+xml"'


async def test_the_document_about_a_file_has_the_pieces_that_mend_it(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    spoiled = bytearray(DATA)
    spoiled[3 * PIECE + 5] ^= 0xFF
    other = mirror.file("b", DATA)
    fault_server.file("a.meta4", document(fault_server.url_of("a"), other))
    headers = {"Link": described(fault_server)}
    url = fault_server.file("a", bytes(spoiled), rate=RATE, headers=headers)
    engine = await workspace.engine(MANY)
    done = await fetch(engine, replace(workspace.request(url), connections=1))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert [r.range for r in mirror.requests] == [f"bytes={3 * PIECE}-{4 * PIECE - 1}"]
    assert done.resume_verdict == "verified: sha256 is right"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><metalink/>",
        b"<metalink>" + b"<!-- -->" * 700_000,
        document("https://far/x", size=5),
        document("https://far/x", data=OTHER),
        document("https://far/x", data=OTHER).replace(b'hash type="sha-256"', b'hash type="x"'),
        document("https://far/x", name="b").replace(b"</metalink>", b'<file name="c"/></metalink>'),
    ],
)
async def test_a_document_that_is_of_no_use_changes_nothing(
    workspace: Workspace, fault_server: FaultServer, text: bytes
) -> None:
    fault_server.file("a.meta4", text)
    headers = proved(described(fault_server))
    url = fault_server.file("a", DATA, rate=2 * RATE, headers=headers)
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert done.resume_verdict == "verified: sha256 is right"


async def test_a_document_about_a_file_of_another_length_is_not_believed(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    fault_server.file("a.meta4", document(mirror.file("b", DATA[1:]), data=DATA[1:]))
    url = fault_server.file("a", DATA, rate=RATE, headers={"Link": described(fault_server)})
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert mirror.requests == []


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_a_document_that_is_not_there_changes_nothing(
    workspace: Workspace, fault_server: FaultServer, status: int
) -> None:
    fault_server.file("a.meta4", b"x", statuses=[status])
    url = fault_server.file("a", DATA, headers={"Link": described(fault_server)})
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert "was not read" in notes(done)


async def test_a_document_that_never_ends_holds_up_nothing_for_long(
    workspace: Workspace, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.transfer.announced.PATIENCE", 0.2)
    fault_server.file("a.meta4", document("https://far/x"), hold_after=10)
    url = fault_server.file("a", DATA, headers={"Link": described(fault_server)})
    engine = await workspace.engine(MANY)
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED
    assert "it took too long" in notes(done)
    fault_server.release("a.meta4")


async def test_a_small_file_asks_for_nothing_more(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    small = DATA[:1000]
    link = f"<{mirror.file('b', small)}>; rel=duplicate, {described(fault_server)}"
    url = fault_server.file("a", small, headers={"Link": link})
    engine = await workspace.engine(MANY)
    assert (await fetch(engine, workspace.request(url))).status is Status.COMPLETED
    assert len(fault_server.requests) == 1
    assert mirror.requests == []
