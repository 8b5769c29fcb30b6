"""A prefix of a bucket as a collection: whole but for the keys that no path can have."""

from __future__ import annotations

from hashlib import sha256

import pytest

from core.domain.collections import CollectionRequest, CollectionState, CollectionView, Verdict
from core.domain.entries import SourceSpec
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace
from tests.store_server import Door

HOSTILE = ("set/../evil", "set/./here", "set/a//b", "set/both/below", "set/" + "n" * 300)


async def read(engine: Engine, name: str) -> CollectionView:
    """Return a collection once nothing more happens to it."""
    async with engine.subscribe() as events:
        async for _ in events:
            view = await engine.collection(name)
            if view.collection.state is not CollectionState.READING and not view.verdicts.get(
                Verdict.PENDING
            ):
                return view
    raise AssertionError("the engine ended")


async def test_a_prefix_is_fetched_and_hostile_keys_are_refused_by_name(
    workspace: Workspace, store_door: Door
) -> None:
    server = store_door.server
    server.bucket("hostile")
    for number in range(20):
        server.put("hostile", f"set/sub/{number} %41.bin", str(number).encode())
    server.put("hostile", "set/both", b"x")
    server.put("hostile", "set/both.txt", b"x")
    for key in HOSTILE:
        server.put("hostile", key, b"never")
    engine = await workspace.engine(SETTINGS)
    request = CollectionRequest(
        name="set",
        request=workspace.request(""),
        source=SourceSpec(kind="store", address="s3://hostile/set/"),
    )
    await engine.collect(request)
    view = await read(engine, "set")
    collection = view.collection
    assert collection.read_error is None
    assert {item.where.removeprefix("key ") for item in collection.refused} == {
        key if len(key) < 200 else key[:199] + "…" for key in HOSTILE
    }, collection.refused
    assert view.verdicts[Verdict.WHOLE] == 22
    for number in range(20):
        path = workspace.files / "sub" / f"{number} %41.bin"
        assert path.read_bytes() == str(number).encode()
    assert not (workspace.files.parent / "evil").exists()
    # One page of the listing, and each object once.
    assert len(store_door.requests) == 23


async def test_a_manifest_in_a_bucket_names_what_is_beside_it(
    workspace: Workspace, store_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    server = store_door.server
    server.bucket("summed")
    lines = []
    for name in ("a b.bin", "sub/50%.bin"):
        server.put("summed", f"set/{name}", name.encode())
        lines.append(f"{sha256(name.encode()).hexdigest()}  {name}\n")
    server.put("summed", "set/SHA256SUMS", "".join(lines).encode())
    engine = await workspace.engine()
    request = CollectionRequest(
        name="set",
        request=workspace.request(""),
        source=SourceSpec(
            kind="manifest",
            address="s3://summed/set/SHA256SUMS",
            options={"endpoint_url": store_door.endpoint, "region": "us-east-1"},
        ),
    )
    await engine.collect(request)
    view = await read(engine, "set")
    assert view.is_whole, view
    assert (workspace.files / "sub" / "50%.bin").read_bytes() == b"sub/50%.bin"
    assert {d.download.request.url for d in await engine.downloads()} == {
        "s3://summed/set/a b.bin",
        "s3://summed/set/sub/50%.bin",
    }
