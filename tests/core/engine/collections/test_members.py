"""Which entries become members, and what is said of those that cannot."""

from __future__ import annotations

import pytest

from core.domain.collections import CollectionRequest
from core.domain.entries import Entry
from core.domain.models import Conflict, Status
from core.domain.value import replace
from tests.core.engine.collections.samples import NAME, a_set, at_rest, collected, entries, members
from tests.core.engine.conftest import Workspace, settled
from tests.faults.server import FaultServer


def named(*paths: str) -> list[Entry]:
    return [
        Entry(url=f"http://host.example/{number}", path=path, where=f"line {number}")
        for number, path in enumerate(paths, start=1)
    ]


async def test_what_is_in_the_way_of_another_is_refused_with_its_line(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    await engine.collect(a_set(workspace), fed=True)
    paths = ("a", "a", "a/b", "d/e", "d", "x", "x.part", "./a", "good")
    await engine.add_entries(NAME, named(*paths[:4]), more=True)
    rest = [replace(e, where=f"line {n}") for n, e in enumerate(named(*paths[4:]), start=5)]
    await engine.add_entries(NAME, rest)
    view = await engine.collection(NAME)
    assert sorted(await members(engine)) == ["a", "d/e", "good", "x"]
    assert [refused.where for refused in view.collection.refused] == [
        "line 2",
        "line 3",
        "line 5",
        "line 7",
        "line 8",
    ]
    assert "named already, with another address" in view.collection.refused[0].reason
    assert view.collection.entries == 4


async def test_the_same_line_twice_is_one_member(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    await engine.collect(a_set(workspace), fed=True)
    (entry,) = named("a")
    await engine.add_entries(NAME, [entry, entry], more=True)
    await engine.add_entries(NAME, [entry])
    view = await engine.collection(NAME)
    assert view.collection.refused_count == 0
    assert len(await members(engine)) == 1


async def test_two_collections_never_share_a_place(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    await engine.collect(a_set(workspace), fed=True)
    await engine.add_entries(NAME, named("deep/a", "b"))
    above = replace(a_set(workspace).request, directory=str(workspace.files))
    await engine.collect(CollectionRequest(name="other", request=above), fed=True)
    added = await engine.add_entries("other", named("set/deep/a", "set/b", "set/c", "set/b/x"))
    assert len(added.new) == 1
    view = await engine.collection("other")
    assert [refused.where for refused in view.collection.refused] == ["line 1", "line 2", "line 4"]
    assert "'set/deep/a' belongs to 'genomes' already" in view.collection.refused[0].reason


async def test_what_is_not_whole_takes_over_what_the_source_says_by_now(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    (entry,) = entries(fault_server, {"a": b"data"})
    fault_server.change("a", statuses=[403])
    await collected(engine, workspace, [entry])
    assert (await members(engine))["a"].status is Status.FAILED
    await collected(engine, workspace, [replace(entry, headers={"X-Key": "fresh"})])
    member = (await members(engine))["a"]
    assert member.request.headers == {"X-Key": "fresh"}
    await engine.retry([member.id])
    assert (await at_rest(engine)).is_whole
    assert fault_server.requests_to("a")[-1].headers["x-key"] == "fresh"


async def test_a_given_path_is_that_path_or_none(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    shared = replace(a_set(workspace).request, conflict=Conflict.RENAME)
    await engine.collect(a_set(workspace, request=shared), fed=True)
    await engine.add_entries(NAME, named("a"))
    assert (await members(engine))["a"].request.conflict is Conflict.FAIL


async def test_a_directory_that_leads_elsewhere_is_refused(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    there = workspace.files / "set"
    there.mkdir()
    (there / "link").symlink_to(workspace.state)
    (there / "file").write_bytes(b"")
    await engine.collect(a_set(workspace), fed=True)
    await engine.add_entries(NAME, named("link/a", "file/b", "good/c"))
    view = await engine.collection(NAME)
    assert [refused.where for refused in view.collection.refused] == ["line 1", "line 2"]
    assert list(await members(engine)) == ["good/c"]


async def test_names_that_the_file_system_does_not_tell_apart_are_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def folds(_: str) -> bool:
        return True

    monkeypatch.setattr("core.engine.collections.members.folds_case", folds)
    engine = await workspace.engine()
    await engine.hold(True)
    await engine.collect(a_set(workspace), fed=True)
    await engine.add_entries(NAME, named("Data/a", "data/A", "data/b", "DATA"))
    view = await engine.collection(NAME)
    assert sorted(await members(engine)) == ["Data/a", "data/b"]
    assert [refused.where for refused in view.collection.refused] == ["line 2", "line 4"]
    assert "'data/A' and 'Data/a' are one name" in view.collection.refused[0].reason


@pytest.mark.parametrize("together", [False, True])
async def test_nothing_is_put_into_winchs_own_state(workspace: Workspace, together: bool) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    request = replace(a_set(workspace).request, directory=str(workspace.state.parent))
    await engine.collect(a_set(workspace, request=request, together=together), fed=True)
    inside = f"{workspace.state.name}/a", f"{workspace.state.name}/deep/b"
    await engine.add_entries(NAME, named(*inside, "beside"))
    view = await engine.collection(NAME)
    assert sorted(await members(engine)) == ["beside"]
    assert [refused.where for refused in view.collection.refused] == ["line 1", "line 2"]
    assert "winch keeps its own state" in view.collection.refused[0].reason
    assert not (workspace.state / "deep").exists()


async def test_nothing_is_put_where_the_files_of_another_set_gather(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    await engine.collect(a_set(workspace), fed=True)
    await engine.add_entries(NAME, named(".genomes.winch/a", "b/.other.1.winch", ".c.winch.txt"))
    view = await engine.collection(NAME)
    assert sorted(await members(engine)) == [".c.winch.txt"]
    assert "named like what gathers files" in view.collection.refused[0].reason


@pytest.mark.parametrize("there", [b"right", b"other", b"other size"])
async def test_what_was_fetched_before_is_a_member_only_if_it_is_the_file(
    workspace: Workspace, fault_server: FaultServer, there: bytes
) -> None:
    engine = await workspace.engine()
    (entry,) = entries(fault_server, {"a": b"right"})
    fault_server.replace("a", there)
    request = replace(a_set(workspace).request, url=entry.url)
    (workspace.files / "set").mkdir()
    (download,) = await engine.add([request])
    await settled(engine, download)
    for _ in range(2):
        view = await collected(engine, workspace, [entry])
        assert view.is_whole is (there == b"right")
        assert sum(view.verdicts.values()) == 1
    assert (workspace.files / "set/a").read_bytes() == there
