"""Two winches of different versions: what is common works, and what one lacks is said plainly."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from core.domain.errors import ErrorCode, HostError, RpcError
from core.domain.events import Changed, Noticed
from core.domain.models import DownloadRequest, WaitReason
from core.domain.version import VERSION
from core.rpc import codec, wire
from core.rpc.client import IncompatibleDaemonError, RemoteService
from core.rpc.link import LinkedService
from core.rpc.peer import Peer
from core.rpc.server import RpcServer
from tests.fakes import FakeService
from tests.unix import RawClient, SocketLine, in_its_place, listening_as, serving

OURS = codec.PROTOCOL


@pytest.mark.parametrize(
    ("newest", "oldest", "common"),
    [
        (OURS, 0, OURS),
        (OURS + 1, 0, None),
        (OURS + 3, OURS, OURS),
        (OURS + 3, OURS + 1, None),
        (OURS, 1, OURS),
        (OURS - 1, 0, None),
    ],
)
async def test_the_newest_protocol_that_both_know_is_spoken(
    server: RpcServer, socket_path: Path, newest: int, oldest: int, common: int | None
) -> None:
    hello = msgspec.json.encode({"hello": {"protocol": newest, "oldest": oldest, "client": "x"}})
    async with RawClient.open(socket_path, hello=b"") as client:
        answer = await client.ask(hello)
        assert ("error" in answer) == (common is None)
        if common is not None:
            assert answer["hello"]["protocol"] == common
            await client.status()


async def test_a_daemon_that_speaks_one_older_protocol_only_is_asked_again_in_that(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "PROTOCOL", 7)
    monkeypatch.setattr(wire, "OLDEST_PROTOCOL", 5)
    refusal = (
        b'{"hello":{"protocol":5,"server":"winch/0.1"},"error":{"code":"rpc","message":"no"}}\n'
    )
    async with in_its_place(socket_path, refusal) as heard:
        # Which this stand-in refuses as well.
        with pytest.raises(RpcError, match="no"):
            await RemoteService.open(socket_path)
        first, second = [msgspec.json.decode(await heard.get())["hello"] for _ in range(2)]
        assert (first["protocol"], first["oldest"]) == (7, 5)
        assert second["protocol"] == 5


async def test_one_without_a_common_protocol_is_handed_over_from(socket_path: Path) -> None:
    async with listening_as(socket_path, b'{"hello":{"protocol":1,"server":"winch/0.1.0"}}\n'):
        with pytest.raises(IncompatibleDaemonError, match=r"daemon is winch 0\.1\.0") as caught:
            await RemoteService.open(socket_path)
    assert "`winch daemon restart`" in caught.value.hint


async def test_one_on_another_machine_is_told_from_what_is_no_winch(socket_path: Path) -> None:
    async with in_its_place(socket_path, b'{"hello":{"protocol":1,"server":"winch/0.1.0"}}\n'):
        with pytest.raises(HostError, match=r"far: the running daemon is winch 0\.1\.0"):
            await LinkedService.over(await SocketLine.open(socket_path), "far")


async def test_a_method_that_an_older_daemon_lacks_is_told_with_versions_and_way_out(
    service: FakeService, socket_path: Path
) -> None:
    async with serving(service, socket_path, name="winch/0.0.9") as server:
        async with await RemoteService.open(socket_path) as remote:
            monkeyed = codec.METHODS["machine"]
            unknown = codec.Method("teleport", monkeyed.signature, monkeyed.params, None)
            with pytest.raises(
                RpcError, match=rf"daemon is 0\.0\.9, this winch is {VERSION}"
            ) as told:
                await remote._call(unknown, unknown.params_of())
            assert "no method 'teleport'" in told.value.message
            assert "`winch daemon restart` hands over" in told.value.hint
            # What both know goes on.
            assert (await remote.status()).version == "fake"
        assert server.client_count >= 0


def test_what_to_do_depends_on_who_is_older_and_where() -> None:
    assert Peer(f"winch/{VERSION}").notice == ""
    assert Peer("something else").notice == ""
    assert "update this one" in Peer("winch/99.0").notice
    error = RpcError("there is no method 'x'")
    assert Peer(f"winch/{VERSION}").explained(error) is error
    assert Peer("winch/0.0.1", "far").explained(error).hint == "update it on far"
    assert Peer("winch/0.0.1", "far").notice == ""
    assert len(Peer("winch/1.0" + "9" * 4000).version) < 60


def test_the_notice_is_among_those_that_a_screen_shows() -> None:
    peer = Peer("winch/0.0.9")
    noticed = Noticed(revision=1, notices=("disk low",))
    assert peer.told(noticed) == Noticed(revision=1, notices=("disk low", peer.notice))


async def test_what_only_a_newer_daemon_has_breaks_no_older_client(
    service: FakeService, socket_path: Path
) -> None:
    (download,) = await service.add([DownloadRequest(url="http://h.example/a", directory="/tmp")])
    line = b"".join(codec.event_pieces(Changed(revision=1, downloads=(download,)), 1))
    data = msgspec.json.decode(line)
    (changed,) = data["data"]["downloads"]
    changed |= {"wait_reason": "moonlight", "phase": "dreaming", "colour": "blue"}
    changed["error"] = {"code": "gravity", "message": "too heavy", "hint": "", "weight": 7}
    reply = codec.decode(msgspec.json.encode(data), codec.Reply)
    event = codec.decode_event(reply)
    assert isinstance(event, Changed)
    (told,) = event.downloads
    assert told.wait_reason is WaitReason.QUEUED
    assert told.error is not None
    assert (told.error.code, told.error.message) == (ErrorCode.INTERNAL, "too heavy")
    assert codec.decode_event(codec.decode(b'{"event":"aurora","data":{}}', codec.Reply)) is None
