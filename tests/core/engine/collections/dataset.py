"""A collection on real files, of a list beside a server that misbehaves on demand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from core.domain.collections import CollectionState, CollectionView, SyncOptions, SyncPlan
from core.domain.entries import SourceSpec
from core.domain.models import DownloadRecord
from core.engine.service import Engine
from tests.core.engine.collections.samples import NAME, a_set, members, tree, until
from tests.core.engine.conftest import Workspace
from tests.faults.server import FaultServer


class Dataset:
    """Files on a server, and a list of them: names, and what of each line stands behind its URL."""

    def __init__(self, workspace: Workspace, server: FaultServer, root: Path) -> None:
        self.workspace = workspace
        self.server = server
        self.list = root / "list.csv"
        self.directory = workspace.files / "set"
        self.columns = "url,path"
        self.rows: dict[str, str] = {}
        self.engine: Engine

    async def start(self) -> None:
        """Start an engine, after the one before was closed."""
        self.engine = await self.workspace.engine()

    def serve(self, path: str, content: bytes, *more: str, **options: Any) -> None:
        """Serve a file, and list it with `more` columns."""
        url = self.server.file(path, content, **options)
        self.rows[path] = ",".join([url, path, *more])
        self.write()

    def serve_with_digest(self, path: str, content: bytes, **options: Any) -> None:
        self.columns = "url,path,checksum"
        self.serve(path, content, f"sha256:{hashlib.sha256(content).hexdigest()}", **options)

    def drop(self, *paths: str) -> None:
        """Name files no longer."""
        for path in paths:
            del self.rows[path]
        self.write()

    def write(self, *more: str) -> None:
        """Write the list anew, with these lines at its end."""
        self.list.write_text("\n".join([self.columns, *self.rows.values(), *more]) + "\n")

    async def collect(self, *, wait: bool = True, **fields: object) -> CollectionView:
        """Make the collection and return it, with `wait` once nothing happens in it any more."""
        fields.setdefault("source", SourceSpec(kind="list", address=str(self.list)))
        view = await self.engine.collect(a_set(self.workspace, **fields))
        return await self.settled() if wait else view

    async def read(self) -> CollectionView:
        """Return the collection once its source was read."""
        return await until(
            self.engine, lambda view: view.collection.state is not CollectionState.READING
        )

    async def published(self) -> CollectionView:
        """Return the collection once all of it has its name."""
        return await until(
            self.engine, lambda view: view.collection.state is CollectionState.PUBLISHED
        )

    async def until_content(self, path: str, content: bytes) -> None:
        """Return once a file has this content."""
        await until(self.engine, lambda _: self.files().get(path) == content)

    async def settled(self) -> CollectionView:
        """Return the collection once nothing more happens to any of its files."""

        async with self.engine.subscribe() as events:
            async for _ in events:
                # Before the members are counted, of which there may be very many.
                counts = (await self.engine.status()).counts
                if counts["pending"] or counts["active"]:
                    continue
                view = await self.engine.collection(NAME)
                if view.collection.state is not CollectionState.READING:
                    return view
        raise AssertionError("the engine ended")

    async def sync(self, *, delete_extra: bool = False, dry_run: bool = False) -> SyncPlan:
        return await self.engine.sync(NAME, SyncOptions(delete_extra=delete_extra, dry_run=dry_run))

    async def member(self, path: str) -> DownloadRecord:
        return (await members(self.engine))[path]

    def files(self) -> dict[str, bytes]:
        """Return what lies below the destination."""
        return tree(self.directory)

    def asked(self) -> list[str]:
        """Return the paths that were asked for since this was called last, sorted."""
        paths = sorted(request.path for request in self.server.requests)
        self.server.requests.clear()
        return paths
