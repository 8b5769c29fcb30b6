"""Collections of real files, from a server that fails as told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from core.domain.collections import CollectionRequest, CollectionView, ReportRow
from core.domain.entries import Entry
from core.domain.models import Checksum, DownloadRecord
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.conftest import Workspace
from tests.faults.server import FaultServer

NAME = "genomes"


def sha256(data: bytes) -> Checksum:
    return Checksum("sha256", hashlib.sha256(data).hexdigest())


def entries(server: FaultServer, files: Mapping[str, bytes], *, proved: bool = True) -> list[Entry]:
    """Have a server hold files, and return what names them; with `proved` by their digests too."""
    return [
        Entry(
            url=server.file(path.replace("/", "_"), data),
            path=path,
            size=len(data),
            checksum=sha256(data) if proved else None,
            where=f"line {number}",
        )
        for number, (path, data) in enumerate(files.items(), start=1)
    ]


def a_set(workspace: Workspace, **fields: object) -> CollectionRequest:
    """Ask for a collection into `files/set`."""
    request = replace(workspace.request(""), directory=str(workspace.files / "set"))
    return replace(CollectionRequest(name=NAME, request=request), **fields)


async def collected(
    engine: Engine, workspace: Workspace, named: list[Entry], **fields: object
) -> CollectionView:
    """Have an engine take in entries, and return the collection once nothing moves any more."""
    await engine.collect(a_set(workspace, **fields), fed=True)
    await engine.add_entries(NAME, named)
    return await at_rest(engine)


async def at_rest(engine: Engine) -> CollectionView:
    """Return the collection once nothing is pending in it."""
    return await until(engine, lambda view: not view.verdicts["pending"])


async def until(engine: Engine, condition: Callable[[CollectionView], bool]) -> CollectionView:
    """Return the collection once a condition holds, looking whenever an event comes."""
    async with engine.subscribe() as events:
        async for _ in events:
            view = await engine.collection(NAME)
            if condition(view):
                return view
    raise AssertionError("the engine ended")


async def rows(engine: Engine) -> dict[str, ReportRow]:
    """Return the report of the collection by path."""
    return {row.path: row for row in (await engine.report(NAME)).rows}


async def members(engine: Engine) -> dict[str, DownloadRecord]:
    """Return the members by their paths, below the destination or what they gather in."""
    found = {}
    for view in await engine.downloads():
        assert view.download.request.group == NAME
        collection = (await engine.collection(NAME)).collection
        root = next(
            root
            for root in (collection.staging, collection.directory)
            if root is not None and view.download.path.startswith(root + "/")
        )
        found[str(Path(view.download.path).relative_to(root))] = view.download
    return found


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a directory, by its path."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
