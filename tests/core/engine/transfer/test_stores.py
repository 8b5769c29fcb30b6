"""Downloads of objects: signed as they are asked for, and what was signed is nowhere kept."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.system.clock import Clock
from core.domain.entries import Entry
from core.domain.errors import ErrorCode
from core.domain.models import DownloadRequest, DownloadView, Status, WaitReason
from core.domain.origins import Origin, SourceVersion
from core.domain.settings import NetworkSettings, RetrySettings
from core.domain.value import replace
from core.engine.service import Engine
from core.engine.transfer.last_responses import LastResponse
from core.engine.transfer.source import Source
from core.policy.transfer.buffers import BufferPool
from core.policy.transfer.ranges import Accept, range_request
from core.policy.transfer.sigv4 import AwsCredentials
from core.sources.base import Address
from core.sources.object_store import ObjectStoreSource
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.hourglass import Hourglass
from tests.store_server import KEYS, Asked, Door

MIB = 2**20
DATA = random.Random(13).randbytes(6 * MIB)
SECRETS = (KEYS.access_key.encode(), KEYS.secret_key.encode(), b"X-Amz-Sig", b"X-Amz-Cred")


def first(most: int | None, *, times: int = 1) -> Callable[[Asked], int | None]:
    """Cut the first answers after so many bytes."""
    left = [times]

    def cut(asked: Asked) -> int | None:
        if asked.is_listing or left[0] == 0:
            return None
        left[0] -= 1
        return most

    return cut


def no_secret_below(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in SECRETS if secret in content], path


async def restarted(workspace: Workspace, engine: Engine) -> Engine:
    await engine.close()
    return await workspace.engine()


async def test_an_object_comes_whole_and_no_signature_is_kept(
    workspace: Workspace, store_door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    server = store_door.server
    server.bucket("whole")
    server.put("whole", "set/a b+%41?#.bin", DATA, digest=True)
    engine = await workspace.engine()
    url = "s3://whole/set/a b+%41?#.bin"
    done = await fetch(engine, workspace.request(url))
    assert done.status is Status.COMPLETED, done.error
    assert done.request.url == url
    assert workspace.content(done.name) == DATA
    assert done.name == "a b+%41?#.bin"
    assert done.resume_verdict == "verified: sha256 is right"
    assert all(asked.is_signed and asked.status in (200, 206) for asked in store_door.gets)
    answer = (await engine.inspect(done.id)).answer
    assert answer is not None
    assert answer.url == url
    again = await restarted(workspace, engine)
    assert (await again.find(done.id)).download.request.url == url
    await again.close()
    no_secret_below(workspace.state)
    assert not any(secret.decode() in caplog.text for secret in SECRETS)


async def test_a_resume_signs_anew_and_fetches_no_byte_twice(
    workspace: Workspace, store_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_door.server.bucket("resumed")
    store_door.server.put("resumed", "big", DATA)
    store_door.cut = first(4 * MIB, times=99)
    settings = replace(SETTINGS, retry=RetrySettings(attempts=0))
    engine = await workspace.engine(settings)
    request = replace(workspace.request("s3://resumed/big"), connections=1)
    (download,) = await engine.add([request])
    assert (await settled(engine, download)).status is Status.FAILED
    await engine.close()
    no_secret_below(workspace.state)
    store_door.cut = lambda _: None
    before = len(store_door.gets)
    # Nothing that was signed the week before is worth anything now, nor are the keys.
    store_door.keys = AwsCredentials("AKIDNEXTWEEK", "another secret key")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store_door.keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store_door.keys.secret_key)
    engine = await workspace.engine()
    await engine.retry([download.id])
    done = (await until(engine, download, _is_done)).download
    assert workspace.content("big") == DATA
    assert "same validator" in (done.resume_verdict or "")
    (asked,) = store_door.gets[before:]
    assert int(asked.headers["range"][6:].partition("-")[0]) >= 3 * MIB


class Signing:
    """Signs as the store does, for as long as a test wants, and counts how often."""

    def __init__(self, url: str, lifetime: float) -> None:
        self._entry = Entry(url=url)
        self._store = ObjectStoreSource(lifetime=lifetime)
        self.count = 0

    async def __call__(self) -> Address:
        self.count += 1
        return await self._store.refresh(self._entry)


async def asked_for(source: Source, times: int) -> list[LastResponse]:
    """Ask a source for its object one time after the other, and return the answers."""
    answers: list[LastResponse] = []
    source.answered = answers.append
    for _ in range(times):
        async with source.ask(range_request(first=0), known=None) as (response, judgement):
            assert isinstance(judgement, Accept), judgement
            while await response.read():
                pass
    return answers


async def test_an_address_is_signed_once_until_it_has_expired(store_door: Door) -> None:
    store_door.server.bucket("expires")
    store_door.server.put("expires", "small", b"some bytes")
    url, clock = "s3://expires/small", Hourglass(datetime.now(UTC))
    http, signing = HttpClient(NetworkSettings()), Signing(url, lifetime=100)
    source = Source(url, {}, http, clock, BufferPool(), refresh=signing)
    answers = await asked_for(source, 3)
    assert signing.count == 1
    clock.passed += 95
    answers += await asked_for(source, 2)
    # By the clock of the test it has expired from now on.
    assert signing.count == 3
    assert {answer.url for answer in answers} == {url}
    await http.close()


async def test_a_store_that_lets_nobody_in_any_more_is_signed_for_anew(store_door: Door) -> None:
    store_door.server.bucket("renewed")
    store_door.server.put("renewed", "small", b"some bytes")
    store_door.refuses = lambda _: len(store_door.requests) == 1
    url, http = "s3://renewed/small", HttpClient(NetworkSettings())
    signing = Signing(url, lifetime=100)
    source = Source(url, {}, http, Clock(), BufferPool(), refresh=signing)
    await asked_for(source, 2)
    assert [asked.status for asked in store_door.gets] == [200, 403, 200]
    assert signing.count == 2
    await http.close()


async def test_an_object_that_changes_between_two_requests_is_never_mixed(
    workspace: Workspace, store_door: Door
) -> None:
    server = store_door.server
    server.bucket("changed")
    server.put("changed", "big", DATA)
    other = bytes(reversed(DATA))
    store_door.cut = first(2 * MIB)
    seen: list[Asked] = []

    def before(asked: Asked) -> None:
        seen.append(asked)
        if len(seen) == 2:
            server.put("changed", "big", other)

    store_door.before = before
    engine = await workspace.engine()
    done = await fetch(engine, workspace.request("s3://changed/big"))
    assert done.status is Status.COMPLETED, done.error
    assert workspace.content("big") == other


async def test_another_version_than_the_listed_one_is_no_member(
    workspace: Workspace, store_door: Door
) -> None:
    server = store_door.server
    server.bucket("listed")
    etag = server.put("listed", "small", b"as it was")
    server.put("listed", "small", b"as it is!")
    engine = await workspace.engine()

    def request(listed: str) -> DownloadRequest:
        origin = Origin(version=SourceVersion(etag=listed))
        return replace(workspace.request("s3://listed/small"), origin=origin)

    failed = await fetch(engine, request(etag))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.FILE_CHANGED
    assert "since it was listed" in failed.error.message
    assert workspace.names() == []
    now = hashlib.md5(b"as it is!").hexdigest()
    done = await fetch(engine, request(f'"{now}"'))
    assert done.status is Status.COMPLETED


async def test_an_object_in_parts_has_a_validator_and_no_digest(
    workspace: Workspace, store_door: Door
) -> None:
    store_door.server.bucket("parts")
    parts = [DATA[: 5 * MIB], DATA[5 * MIB :]]
    etag = store_door.server.put_in_parts("parts", "big", parts)
    assert etag.endswith('-2"')
    engine = await workspace.engine()
    origin = Origin(version=SourceVersion(etag=etag), size=len(DATA))
    done = await fetch(engine, replace(workspace.request("s3://parts/big"), origin=origin))
    assert done.status is Status.COMPLETED, done.error
    assert workspace.content("big") == DATA
    assert "sha256" not in (done.resume_verdict or "")


async def test_a_digest_of_the_store_that_is_wrong_makes_no_file(
    workspace: Workspace, store_door: Door
) -> None:
    server = store_door.server
    server.bucket("wrong")
    server.put("wrong", "small", b"right", digest=True)
    store_door.spoil = lambda body: b"wrong"
    engine = await workspace.engine()
    failed = await fetch(engine, workspace.request("s3://wrong/small"))
    assert failed.error is not None
    assert failed.error.code is ErrorCode.CHECKSUM
    assert "small" not in workspace.names()


@pytest.mark.parametrize(
    ("key", "options", "code"),
    [
        ("missing", {}, ErrorCode.NOT_FOUND),
        ("there", {"anonymous": "true"}, ErrorCode.HTTP_STATUS),
        ("there", {"profile": "nobody"}, ErrorCode.CONFIG),
    ],
)
async def test_what_cannot_be_had_is_asked_for_once(
    workspace: Workspace,
    store_door: Door,
    key: str,
    options: dict[str, str],
    code: ErrorCode,
) -> None:
    if store_door.server.ask("HEAD", "/denied")[0] != 200:
        store_door.server.bucket("denied")
    store_door.server.put("denied", "there", b"x")
    engine = await workspace.engine()
    origin = Origin(options=options)
    failed = await fetch(engine, replace(workspace.request(f"s3://denied/{key}"), origin=origin))
    assert failed.error is not None
    assert failed.error.code is code
    assert ("--anonymous" in failed.error.hint) == (failed.error.status == 403)
    assert len(store_door.gets) == (0 if code is ErrorCode.CONFIG else 1)


async def test_a_mirror_may_be_an_object(workspace: Workspace, store_door: Door) -> None:
    store_door.server.bucket("mirror")
    store_door.server.put("mirror", "big", DATA)
    engine = await workspace.engine()
    request = replace(
        workspace.request(f"{store_door.endpoint}/nowhere/big"), mirrors=("s3://mirror/big",)
    )
    done = await fetch(engine, request)
    assert done.status is Status.COMPLETED, done.error
    assert workspace.content("big") == DATA


async def test_another_url_is_not_held_to_the_listed_version(
    workspace: Workspace, store_door: Door
) -> None:
    store_door.server.bucket("moved")
    store_door.server.put("moved", "there", b"x")
    engine = await workspace.engine()
    origin = Origin(version=SourceVersion(etag='"old"'))
    (download,) = await engine.add([replace(workspace.request("s3://moved/gone"), origin=origin)])
    await settled(engine, download)
    await engine.replace_url(download.id, "s3://moved/there")
    done = (await until(engine, download, _is_done)).download
    assert done.name in workspace.names()


async def test_the_network_is_asked_for_the_store_and_not_for_a_host_of_the_buckets_name(
    workspace: Workspace, store_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Nowhere(Network):
        async def reaches(self, host: str) -> bool:
            asked.append(host)
            return False

    engine = await workspace.engine(network=Nowhere())
    origin = Origin(options={"endpoint_url": "http://127.0.0.1:1"})
    request = replace(workspace.request("s3://bucket/key"), origin=origin)
    (download,) = await engine.add([request])
    await until(engine, download, lambda v: v.download.wait_reason is WaitReason.NO_NETWORK)
    assert set(asked) == {"127.0.0.1"}


def _is_done(view: DownloadView) -> bool:
    return view.download.status is Status.COMPLETED
