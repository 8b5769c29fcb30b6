"""Whatever values a request holds, its answer and what becomes of it have a foreseen cause."""

from __future__ import annotations

import asyncio
import types
import typing
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.adapters.net.http import HttpClient
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.domain.errors import ErrorCode
from core.domain.models import DownloadRequest, Status
from core.domain.service import Changes, DownloadService, LimitChanges
from core.domain.settings import RetrySettings, Settings
from core.domain.value import Value
from core.engine.service import Engine
from core.rpc.codec import METHODS
from tests.unix import HELLO, serving, short_directory
from tui.demo.files import DemoFile
from tui.demo.server import DemoServer

TEXTS = st.one_of(
    st.sampled_from(
        (
            "", "/", "/\0", "/tmp/\0", "relative", "..", "a\r\nb", "\x1b[31m", "\x9b", "shake_128",
            "md5", "sha256", "0" * 32, "zz", "é", "\u202e", "a" * 300, "/" + "a/" * 3000,
            "http://a..b/", "http://é\u0301.\u2100/", "http://xn--/", "http://[::1%25]/",
            "http://h:99999/", "http://0x7f.1/", "http://127.0.0.1:1/%zz%00%ff",
        )
    ),
    st.text(max_size=20),
)  # fmt: skip
NUMBERS = st.one_of(
    st.sampled_from((-1, 0, 1, 33, -(2**63), 2**63 - 1, 10**17, -(10**17))), st.integers(-5, 2000)
)
MOMENTS = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
)


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Return values that a parameter of this type lets through, sense or nonsense."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(of, arguments))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(of(arguments[0]), of(arguments[1]), max_size=2)
    if origin is not None and issubclass(origin, Sequence):
        return st.lists(of(arguments[0]), max_size=2)
    if hint is DownloadRequest:
        return requests()
    if issubclass(hint, Value):
        kind: Any = hint
        hints = typing.get_type_hints(kind)
        needed = {f.name for f in msgspec.structs.fields(kind) if f.required}
        return st.fixed_dictionaries(
            {name: of(each) for name, each in hints.items() if name in needed},
            optional={name: of(each) for name, each in hints.items() if name not in needed},
        )
    if issubclass(hint, Enum):
        return st.sampled_from([each.value for each in hint])
    simple = {str: TEXTS, int: NUMBERS, bool: st.booleans(), datetime: MOMENTS}
    return simple.get(hint, st.none())


PLACE = "the place"
"""Stands for the address and the directory of a request that could be worked off."""


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Make a request that is right but for a field or two."""
    hints = typing.get_type_hints(DownloadRequest)
    odd = draw(st.lists(st.sampled_from(sorted(hints)), max_size=2, unique=True))
    return {"url": PLACE, "directory": PLACE} | {name: draw(of(hints[name])) for name in odd}


def one(**fields: Any) -> tuple[str, dict[str, Any]]:
    """Return a call that adds a download which is right but for these fields."""
    return "add", {"requests": [{"url": PLACE, "directory": PLACE, **fields}]}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Make a call of one method, of `add` as often as of all others together."""
    others = sorted(set(METHODS) - {"add", "shutdown"})
    name = draw(st.sampled_from(others) | st.just("add"))
    hints = typing.get_type_hints(getattr(DownloadService, name))
    params = METHODS[name].params
    fields = zip(params.__struct_fields__, params.__struct_encode_fields__, strict=True)
    return name, {on_the_wire: draw(of(hints[field])) for field, on_the_wire in fields}


class World:
    """An engine behind its socket, with a client that sends what it likes."""

    def __init__(self, engine: Engine, directory: Path, url: str) -> None:
        self.engine = engine
        self._directory = directory
        self._url = url
        self._count = 0

    async def send(self, path: Path, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request."""
        for request in params.get("requests", ()):
            self._count += 1
            if request["url"] == PLACE:
                request["url"] = f"{self._url}?{self._count}"
            if request["directory"] == PLACE:
                request["directory"] = str(self._directory)
        if name == "add":
            ids: Any = None
        else:
            ids = [view.download.id for view in await self.engine.downloads()][:1]
            params |= {key: ids for key in ("ids",) if params.get("ids")}
            params |= {key: ids[0] for key in ("id",) if ids and params.get("id")}
        reader, writer = await asyncio.open_unix_connection(path, limit=2**26)
        line = msgspec.json.encode({"id": 1, "method": name, "params": params})
        writer.write(HELLO + b"\n" + line + b"\n")
        await reader.readline()
        answer: dict[str, Any] = msgspec.json.decode(await reader.readline())
        writer.close()
        return answer

    async def settle(self) -> None:
        """Return once nothing runs, and forget it all; nothing may have failed unforeseen."""
        if not (views := await self.engine.downloads()):
            return
        # A byte per second is a limit that can be asked for, and takes its time.
        await self.engine.limit(LimitChanges(reset=True))
        await self.engine.set([view.download.id for view in views], Changes(limit=0))
        async with self.engine.subscribe() as events:
            async for _ in events:
                views = await self.engine.downloads()
                if not any(view.download.status is Status.ACTIVE for view in views):
                    break
        for view in views:
            error = view.download.error
            assert error is None or error.code is not ErrorCode.INTERNAL, (error, view.download)
        await self.engine.remove(None)


@asynccontextmanager
async def world(home: Path, url: str) -> AsyncIterator[World]:
    directory = home / "files"
    directory.mkdir()
    settings_ = Settings(retry=RetrySettings(attempts=0))
    engine = Engine(
        settings_,
        state=State.at(home / "state"),
        http=HttpClient(settings_.network),
        clock=Clock(),
    )
    await engine.start()
    try:
        yield World(engine, directory, url)
    finally:
        await engine.close()


def test_no_value_of_a_request_is_a_fault_of_winch(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    file = DemoFile("a.bin", 100)
    with asyncio.Runner() as runner, short_directory() as short, DemoServer([file]) as server:
        path = short / "s"

        @settings(max_examples=40, suppress_health_check=list(HealthCheck))
        @given(st.lists(calls(), min_size=1, max_size=8))
        @example([one(checksum={"algorithm": "shake_128", "hexdigest": "zz"})])
        @example([one(cookies="/tmp/\0")])
        @example([one(), ("history", {"query": {"since": "2026-01-01T00:00:00"}})])
        @example([one(), ("history", {"query": {"since": "0001-01-01T00:00:00+14:00"}})])
        def sent(each: list[tuple[str, dict[str, Any]]]) -> None:
            async def run() -> None:
                async with serving(place.engine, path):
                    for name, params in each:
                        answer = await place.send(path, name, params)
                        assert (answer.get("error") or {}).get("code") != "internal", (name, params)
                await place.engine.hold(False)
                await place.settle()

            runner.run(run())

        context = world(tmp_path, server.url(file))
        place = runner.run(context.__aenter__())
        try:
            sent()
        finally:
            runner.run(context.__aexit__(None, None, None))
