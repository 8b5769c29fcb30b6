"""What is bad or missing of a collection is fetched again, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.domain.collections import ReportRow, Verdict
from core.domain.entries import Refused
from core.domain.errors import ErrorCode
from core.domain.models import Checksum, Conflict, Status
from core.domain.value import replace
from core.engine.service import Engine
from tests.core.engine.collections.samples import (
    a_set,
    at_rest,
    collected,
    entries,
    members,
    rows,
    sha256,
    tree,
)
from tests.core.engine.conftest import Workspace
from tests.faults.model import content
from tests.faults.server import FaultServer

FILES = {"a": content(1000, 1), "deep/b": content(400_000, 2), "deep/er/c": content(2000, 3)}


def lacks(report: dict[str, ReportRow]) -> set[str]:
    return {path for path, row in report.items() if row.verdict is not Verdict.WHOLE}


async def retry(engine: Engine) -> None:
    bad = [row.id for row in (await rows(engine)).values() if row.verdict in ("bad", "missing")]
    outcome = await engine.retry([id_ for id_ in bad if id_ is not None])
    assert outcome.refused == ()
    await at_rest(engine)


async def test_digest_and_validator_are_kept_of_every_member(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await collected(engine, workspace, entries(fault_server, FILES))
    assert tree(workspace.files / "set") == FILES
    for path, download in (await members(engine)).items():
        assert download.digest == sha256(FILES[path])
        assert download.validator is not None
        assert download.validator.etag == '"v1"'
        assert download.left is not None


async def test_only_what_failed_is_fetched_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, FILES)
    fault_server.change("deep_er_c", statuses=[404])
    view = await collected(engine, workspace, named)
    assert (view.verdict, view.is_whole) == ("1 missing", False)
    assert [(cause.code, cause.count) for cause in view.causes] == [("not_found", 1)]
    await retry(engine)
    assert (await engine.collection("genomes")).is_whole
    assert [len(fault_server.requests_to(n)) for n in ("a", "deep_b", "deep_er_c")] == [1, 1, 2]


async def test_answers_of_another_status_are_another_cause_and_refused_ones_are_told_as_one_such(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, {name: content(10) for name in "abc"})
    for name, status in zip("abc", (403, 403, 400), strict=True):
        fault_server.change(name, statuses=[status])
    await engine.collect(a_set(workspace), fed=True)
    refused = [Refused(where=f"line {n}", reason=f"reason {n}") for n in (4, 5)]
    await engine.add_entries("genomes", named, refused)
    view = await at_rest(engine)
    assert sorted((cause.code, cause.count, cause.message) for cause in view.causes) == [
        ("http_status", 1, "the server answered 400 (bad request)"),
        ("http_status", 2, "the server answered 403 (forbidden)"),
        ("usage", 2, "such as line 4: reason 4"),
    ]


async def test_a_collection_of_no_file_is_not_whole(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.collect(a_set(workspace), fed=True)
    await engine.add_entries("genomes", [])
    view = await engine.collection("genomes")
    assert (view.verdict, view.is_whole) == ("empty", False)
    assert not (await engine.report("genomes")).is_whole


async def test_a_damaged_file_is_set_aside_and_fetched_anew(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    shared = replace(a_set(workspace).request, headers={"X-Key": "1"})
    await collected(engine, workspace, entries(fault_server, FILES), request=shared)
    there = workspace.files / "set"
    (there / "a").write_bytes(b"damaged")
    (there / "deep/b").unlink()
    await engine.verify([d.id for d in (await members(engine)).values()])
    report = await rows(engine)
    assert {path: row.verdict for path, row in report.items()} == {
        "a": Verdict.BAD,
        "deep/b": Verdict.MISSING,
        "deep/er/c": Verdict.WHOLE,
    }
    await retry(engine)
    assert (await engine.collection("genomes")).is_whole
    assert tree(there) == FILES | {"a.mismatch": b"damaged"}
    assert len(fault_server.requests_to("deep_er_c")) == 1
    # What was asked for with it is known to the collection only.
    assert fault_server.requests_to("a")[-1].headers["x-key"] == "1"
    outcome = await engine.verify([d.id for d in (await members(engine)).values()])
    assert outcome.refused == ()


async def test_a_directory_that_vanished_is_made_anew(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await collected(engine, workspace, entries(fault_server, FILES))
    shutil.rmtree(workspace.files / "set")
    await engine.verify([d.id for d in (await members(engine)).values()])
    assert lacks(await rows(engine)) == set(FILES)
    await retry(engine)
    assert tree(workspace.files / "set") == FILES


async def test_what_is_whole_is_not_fetched_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    await collected(engine, workspace, entries(fault_server, FILES))
    (member,) = [d for p, d in (await members(engine)).items() if p == "a"]
    outcome = await engine.retry([member.id])
    assert outcome.changed == ()
    assert outcome.refused[0].error.code is ErrorCode.NOT_ALLOWED
    assert len(fault_server.requests_to("a")) == 1


async def test_what_lies_there_already_and_is_right_asks_nobody(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    there = workspace.files / "set"
    (there / "deep").mkdir(parents=True)
    (there / "deep/b").write_bytes(FILES["deep/b"])
    (there / "a").write_bytes(content(1000, 4))
    view = await collected(engine, workspace, entries(fault_server, FILES))
    assert fault_server.requests_to("deep_b") == []
    found = await members(engine)
    assert found["deep/b"].status is Status.COMPLETED
    assert "there already" in (found["deep/b"].resume_verdict or "")
    assert found["deep/b"].part is None
    # A file of the same name and length that is another one is left alone, and no other name taken.
    assert view.verdict == "1 missing"
    assert found["a"].error is not None
    assert found["a"].error.code is ErrorCode.EXISTS
    assert sorted(tree(there)) == sorted(FILES)
    assert (there / "a").read_bytes() == content(1000, 4)


async def test_a_server_with_another_length_than_the_source_says_is_named(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    named = entries(fault_server, {"a": content(1000)}, proved=False)
    fault_server.replace("a", content(1001))
    view = await collected(engine, workspace, named)
    assert view.verdict == "1 bad"
    assert view.causes[0].code == ErrorCode.FILE_CHANGED
    assert tree(workspace.files / "set") == {}


async def test_a_verification_writes_down_the_digest_and_the_next_one_compares_with_it(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    data = content(1000)
    await collected(engine, workspace, entries(fault_server, {"a": data}, proved=False))
    (member,) = (await members(engine)).values()
    assert member.digest is None
    await engine.verify([member.id])
    (member,) = (await members(engine)).values()
    assert member.digest == sha256(data)
    Path(member.path).write_bytes(content(1000, 5))
    await engine.verify([member.id])
    assert (await rows(engine))["a"].verdict is Verdict.BAD
    (member,) = (await members(engine)).values()
    assert member.digest == sha256(data)


async def test_a_wrong_digest_is_bad(workspace: Workspace, fault_server: FaultServer) -> None:
    engine = await workspace.engine()
    (entry,) = entries(fault_server, {"a": content(1000)})
    wrong = replace(entry, checksum=Checksum("sha256", "ab" * 32))
    view = await collected(engine, workspace, [wrong])
    assert view.verdict == "1 bad"
    assert view.causes[0].code == ErrorCode.CHECKSUM


async def test_what_had_a_secret_in_its_address_is_mended_once_its_list_is_given_again(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    engine = await workspace.engine()
    (entry,) = entries(fault_server, {"a": content(1000)})
    secret = replace(entry, url=f"{entry.url}?token=abc")
    await collected(engine, workspace, [secret])
    member = (await members(engine))["a"]
    assert "abc" not in member.request.url
    Path(member.path).write_bytes(b"damaged")
    await engine.verify([member.id])
    (refusal,) = (await engine.retry([member.id])).refused
    assert "its address had a secret" in refusal.error.message
    assert Path(member.path).read_bytes() == b"damaged"
    await collected(engine, workspace, [secret])
    await retry(engine)
    assert (await engine.collection("genomes")).is_whole
    assert fault_server.requests_to("a")[-1].target.endswith("token=abc")
    assert "abc" not in (await members(engine))["a"].request.url


async def test_another_file_that_is_to_be_left_is_not_whole(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    there = workspace.files / "set"
    there.mkdir()
    files = {"right": b"1", "wrong": b"2", "short": b"333"}
    for name, data in {"right": b"1", "wrong": b"x", "short": b"3"}.items():
        (there / name).write_bytes(data)
    engine = await workspace.engine()
    shared = replace(a_set(workspace).request, conflict=Conflict.SKIP)
    named = entries(fault_server, files)
    named[2] = replace(named[2], checksum=None)
    await collected(engine, workspace, named, request=shared)
    report = await rows(engine)
    assert lacks(report) == {"wrong", "short"}
    assert {report[name].verdict for name in ("wrong", "short")} == {Verdict.BAD}
    assert tree(there) == {"right": b"1", "wrong": b"x", "short": b"3"}
    (there / "wrong").unlink()
    (there / "short").unlink()
    await retry(engine)
    assert (await engine.collection("genomes")).is_whole
    assert tree(there) == files
