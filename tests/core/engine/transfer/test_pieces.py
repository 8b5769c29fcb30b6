"""Pieces with digests of their own: what came wrong comes again, alone, and from somebody else."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from core.domain.errors import ErrorCode
from core.domain.models import Checksum, Download, DownloadRequest, Status
from core.domain.origins import Origin, PieceHashes
from core.domain.settings import LimitSettings
from core.domain.value import replace
from core.engine.transfer.pieces import MOST_BAD
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer

PIECE = 100_000
SIZE = 1_950_000
DATA = content(SIZE)
MANY = replace(SETTINGS, limits=LimitSettings(min_split="64k"))


def pieces_of(data: bytes, length: int = PIECE, algorithm: str = "sha256") -> PieceHashes:
    digests = tuple(
        hashlib.new(algorithm, data[at : at + length]).hexdigest()
        for at in range(0, len(data), length)
    )
    return PieceHashes(algorithm=algorithm, length=length, hexdigests=digests)


def spoiled(*pieces: int, data: bytes = DATA) -> bytes:
    """Return the file with a wrong byte in each of these pieces."""
    wrong = bytearray(data)
    for piece in pieces:
        wrong[piece * PIECE + 77] ^= 0xFF
    return bytes(wrong)


def asked(
    workspace: Workspace,
    *urls: str,
    data: bytes = DATA,
    digest: bool = True,
    connections: int | None = 1,
) -> DownloadRequest:
    """Ask for a file of which each piece has a digest, and as a whole."""
    return replace(
        workspace.request(urls[0]),
        name="a",
        mirrors=tuple(urls[1:]),
        checksum=Checksum("sha256", hashlib.sha256(data).hexdigest()) if digest else None,
        connections=connections,
        origin=Origin(size=len(data), pieces=pieces_of(data)),
    )


def notes(download: Download) -> str:
    return "\n".join(entry.text for entry in download.timeline)  # type: ignore[attr-defined]


def piece_range(piece: int, data: bytes = DATA) -> str:
    return f"bytes={piece * PIECE}-{min((piece + 1) * PIECE, len(data)) - 1}"


@pytest.fixture
async def mirror() -> AsyncIterator[FaultServer]:
    async with FaultServer() as server:
        yield server


@pytest.mark.parametrize("piece", [0, 7, 19])
@pytest.mark.parametrize("etag", ['"v1"', '"by another server"', None])
async def test_a_bad_piece_comes_again_alone_from_another_mirror(
    workspace: Workspace,
    fault_server: FaultServer,
    mirror: FaultServer,
    piece: int,
    etag: str | None,
) -> None:
    engine = await workspace.engine(MANY)
    lying = fault_server.file("a", spoiled(piece))
    right = mirror.file("a", DATA, etag=etag)
    done = await fetch(engine, asked(workspace, lying, right))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert [request.range for request in mirror.requests] == [piece_range(piece)]
    assert mirror.bytes_served("a") == min(PIECE, SIZE - piece * PIECE)
    assert len(fault_server.requests) == 1
    assert f"piece {piece + 1} of 20" in notes(done)
    assert f"came wrong from {lying}; asked again: {right}" in notes(done)
    assert done.resume_verdict == "verified: sha256 is right"


async def test_a_mirror_that_knows_no_ranges_leaves_the_piece_to_the_next(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    lying, right = fault_server.file("a", spoiled(7)), mirror.file("a", DATA)
    whole = mirror.file("whole", DATA, ranges=False)
    done = await fetch(engine, asked(workspace, lying, whole, right))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert mirror.requests[-1].range == piece_range(7)


async def test_without_a_digest_of_the_whole_the_pieces_are_the_proof(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    lying, right = fault_server.file("a", spoiled(3)), mirror.file("a", DATA)
    done = await fetch(engine, asked(workspace, lying, right, digest=False))
    assert workspace.content("a") == DATA
    assert done.resume_verdict == "verified: all 20 pieces are right"


async def test_the_only_address_is_asked_once_more(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def wrong_at_first(request: Request, writer: asyncio.StreamWriter) -> bool:
        data = spoiled(4) if request.number == 1 else DATA
        return await fault_server.answer(request, writer, File(content=data))

    engine = await workspace.engine(MANY)
    done = await fetch(engine, asked(workspace, fault_server.script("a", wrong_at_first)))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert [request.range for request in fault_server.requests] == ["bytes=0-", piece_range(4)]


async def test_a_piece_that_is_wrong_everywhere_gets_no_final_name(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    lying, same = fault_server.file("a", spoiled(2)), mirror.file("a", spoiled(2))
    failed = await fetch(engine, asked(workspace, lying, same, digest=False))
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert "piece 3 of 20" in failed.error.message
    assert workspace.names() == ["a.mismatch"]
    assert len(mirror.requests) == 1


async def test_the_only_address_that_stays_wrong_is_asked_no_third_time(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    failed = await fetch(engine, asked(workspace, fault_server.file("a", spoiled(*range(20)))))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert [request.range for request in fault_server.requests] == ["bytes=0-", piece_range(0)]
    assert workspace.names() == ["a.mismatch"]


async def test_a_whole_digest_that_is_wrong_though_all_pieces_are_right_is_no_file(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    request = asked(workspace, fault_server.file("a", DATA))
    failed = await fetch(engine, replace(request, checksum=Checksum("sha256", "0" * 64)))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert workspace.names() == ["a.mismatch"]
    assert "all 20 pieces are right" in notes(failed)


async def test_an_address_that_sent_a_few_pieces_wrong_is_asked_no_more(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    """As soon as they are there: not all that it has comes first."""
    data = content(12_000_000)
    engine = await workspace.engine(MANY)
    wrong = bytearray(data)
    for at in range(0, len(data), PIECE):
        wrong[at] ^= 0xFF
    lying = fault_server.file("a", bytes(wrong), rate=6_000_000)
    right = mirror.file("a", data, rate=6_000_000)
    done = await fetch(engine, asked(workspace, lying, right, data=data))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == data
    assert f"{lying} is not used any more: it sent {MOST_BAD} pieces" in notes(done)
    assert fault_server.bytes_served("a") < len(data) // 2


async def test_several_connections_and_mirrors_that_lie_here_and_there(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    """Answers that do not fit together are no reason to begin anew, nor to blame the wrong one."""
    engine = await workspace.engine(MANY)
    throughout = bytearray(DATA)
    for at in range(500_000, 1_300_000, 5_000):
        throughout[at] ^= 0xFF
    urls = [
        fault_server.file("a", bytes(throughout), rate=2_000_000),
        mirror.file("a", spoiled(2, 18), rate=2_000_000, etag='"m"'),
        mirror.file("b", DATA, rate=2_000_000, etag='"n"'),
    ]
    done = await fetch(engine, asked(workspace, *urls, connections=6))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert "restarted" not in notes(done)


async def test_what_an_earlier_run_left_is_checked_too(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    lying = fault_server.file("a", spoiled(0, 12), hold_after=1_000_000)
    right = mirror.file("a", DATA)
    (download,) = await engine.add([asked(workspace, lying, right)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 500_000)
    await engine.pause([download.id])
    await engine.close()
    fault_server.release("a")
    again = await workspace.engine(MANY)
    await again.resume([download.id])
    done = await settled(again, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    # Who sent the first one is known no more: whoever is first is asked.
    assert piece_range(12) in [request.range for request in mirror.requests]
    assert "bytes=0-" not in [request.range for request in mirror.requests]


async def test_stopped_while_a_piece_comes_again_it_goes_on_with_that_piece(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    lying = fault_server.file("a", spoiled(5))
    right = mirror.file("a", DATA, hold_after=1_000)
    (download,) = await engine.add([asked(workspace, lying, right)])
    await mirror.held("a")
    await engine.close()
    assert workspace.names() == ["a.part"]
    mirror.release("a")
    fault_server.change("a", statuses=[404] * 9)
    again = await workspace.engine(MANY)
    done = await settled(again, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert fault_server.bytes_served("a") < SIZE + 100  # and the words of a 404
    assert mirror.bytes_served("a") <= PIECE + 1_000 + 64 * 1024


async def test_a_piece_that_cannot_be_fetched_now_is_fetched_later(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async def busy_then_right(request: Request, writer: asyncio.StreamWriter) -> bool:
        file = File(content=spoiled(4) if request.number == 1 else DATA, statuses=[200, 503])
        return await fault_server.answer(request, writer, file)

    engine = await workspace.engine(MANY)
    done = await fetch(engine, asked(workspace, fault_server.script("a", busy_then_right)))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    again = [piece_range(4), piece_range(4)]
    assert [request.range for request in fault_server.requests] == ["bytes=0-", *again]
    assert "503" in notes(done)


async def test_a_server_without_ranges_cannot_mend_and_the_file_is_none(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    failed = await fetch(engine, asked(workspace, fault_server.file("a", spoiled(4), ranges=False)))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert workspace.names() == ["a.mismatch"]


@pytest.mark.parametrize("size", [1, 1000, 200_000])
async def test_small_files_have_pieces_too(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer, size: int
) -> None:
    data = content(size)
    wrong = bytes([data[0] ^ 0xFF]) + data[1:]
    engine = await workspace.engine(MANY)

    async def wrong_at_first(request: Request, writer: asyncio.StreamWriter) -> bool:
        served = wrong if request.number == 1 else data
        return await fault_server.answer(request, writer, File(content=served))

    url = fault_server.script("a", wrong_at_first)
    done = await fetch(engine, asked(workspace, url, data=data, digest=False))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == data
    done = await fetch(
        engine,
        replace(asked(workspace, mirror.file("b", data), data=data), name="b"),
    )
    assert done.status is Status.COMPLETED
    assert "pieces" not in (done.resume_verdict or "")


async def test_a_file_that_changed_behind_a_redirect_begins_anew_though_a_digest_would_tell(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    """Another host answers than is asked, and it is no mirror for that."""
    there = fault_server.file("a", spoiled(0), hold_after=1_000_000, etag='"old"')
    url = mirror.file("a", redirect_to=there)
    engine = await workspace.engine(MANY)
    checksum = Checksum("sha256", hashlib.sha256(DATA).hexdigest())
    (download,) = await engine.add([workspace.request(url, checksum=checksum)])
    await until(engine, download, lambda view: view.progress.bytes_downloaded > 500_000)
    await engine.pause([download.id])
    fault_server.release("a")
    fault_server.replace("a", DATA, etag='"new"', hold_after=None)
    await engine.resume([download.id])
    done = await settled(engine, download)
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_an_address_with_another_length_is_passed_over(
    workspace: Workspace, fault_server: FaultServer, mirror: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    shorter, right = fault_server.file("a", DATA[:-1]), mirror.file("a", DATA)
    done = await fetch(engine, asked(workspace, shorter, right))
    assert done.status is Status.COMPLETED
    assert workspace.content("a") == DATA
    assert "1949999 bytes, and its source says 1950000" in notes(done)


async def test_the_only_address_with_another_length_has_another_file(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    failed = await fetch(engine, asked(workspace, fault_server.file("a", DATA + b"x")))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.FILE_CHANGED
    assert workspace.names() == []


async def test_pieces_that_do_not_make_up_the_file_prove_nothing(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine(MANY)
    request = asked(workspace, fault_server.file("a", DATA), digest=False)
    short = Origin(pieces=pieces_of(DATA[:-PIECE]))
    failed = await fetch(engine, replace(request, origin=short))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert workspace.names() == ["a.mismatch"]
