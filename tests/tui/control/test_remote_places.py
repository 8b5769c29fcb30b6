"""Directories of another machine: few questions, whatever is typed, and never an own path."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.domain.errors import DestinationError
from core.domain.machines import Machine
from tests.fakes import FakeService
from tui.control import remote_places
from tui.control.remote_places import RemotePlaces


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_places, "_PAUSE", 0.0)


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    service = FakeService()
    service.directory = str(tmp_path)
    for name in ("data", "data/films", "data/.hidden", "desk"):
        (tmp_path / name).mkdir()
    return service


async def places_of(service: FakeService) -> RemotePlaces:
    machine = await service.machine()
    service.calls.clear()
    return RemotePlaces(lambda: service, lambda: machine)


async def test_what_is_typed_on_in_a_directory_is_not_asked_for_again(
    service: FakeService,
) -> None:
    places = await places_of(service)
    assert await places.completions("d") == ["data/", "desk/"]
    assert await places.completions("da") == ["data/"]
    assert await places.completions("dax") == []
    assert service.calls == [("browse", None)]
    assert await places.completions("data/") == ["data/films/"]
    assert await places.completions("data/.h") == ["data/.hidden/"]
    assert len(service.calls) == 3


async def test_only_the_last_of_what_is_typed_fast_is_asked_for(service: FakeService) -> None:
    places = await places_of(service)
    found = await asyncio.gather(places.completions("d"), places.completions("data/f"))
    assert found == [[], ["data/films/"]]
    assert service.calls == [("browse", None)]


async def test_a_directory_that_was_just_looked_at_is_not_looked_at_again(
    service: FakeService,
) -> None:
    places = await places_of(service)
    first = await places.directory("data")
    assert first.free is not None
    assert await places.directory("data ") == first
    assert len(service.calls) == 1
    assert (await places.directory("nowhere")).trouble == "does not exist"


def test_paths_are_those_of_the_other_machine() -> None:
    there = Machine(
        name="server", user="me", home="/home/me", directory="/srv", version="1", platform="linux"
    )
    known: list[Machine | None] = [None]
    places = RemotePlaces(FakeService, lambda: known[0])
    assert places.path("/data") == "/data"
    with pytest.raises(DestinationError):
        places.path("~/data")
    known[0] = there
    assert (places.path("~/data"), places.path("sub"), places.base) == (
        "/home/me/data",
        "/srv/sub",
        "/srv",
    )
    with pytest.raises(DestinationError):
        places.path("~other/data")
