"""Collections in words and as objects: nothing secret, nothing that a terminal would obey."""

from __future__ import annotations

import json

import pytest

from core.domain.collections import (
    Cause,
    CollectionRecord,
    CollectionView,
    ReportRow,
    SyncPlan,
    Verdict,
)
from core.domain.entries import Refused, SourceSpec
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import DownloadRequest
from core.domain.totals import Totals
from core.domain.value import replace
from tests.tui.cli.samples import START
from tests.tui.hostile import EVIL
from tui.text.collection_report import (
    ROW_FIELDS,
    collection_record,
    in_full,
    plan_count,
    row_record,
    sync_record,
    table,
)
from tui.text.json_records import dump

RECORD = CollectionRecord(
    name="birds",
    request=DownloadRequest(url="", directory="/data/birds"),
    created_at=START,
    source=SourceSpec(kind="manifest", address="https://me:pw@h/SHA256SUMS?token=secret"),
    refused=(Refused(where="line 2", reason="nonsense"),),
    refused_count=3,
    vanished=("gone",),
    vanished_count=1,
)
VIEW = CollectionView(
    collection=RECORD,
    verdicts={"whole": 5, "bad": 1, "missing": 0, "pending": 2},
    totals=Totals(files=8, files_done=6, bytes_done=512, bytes_total=1024, rate=10.0, eta=51.2),
    causes=(Cause(code="checksum", message="other bytes", count=1),),
)


def test_an_object_counts_what_is_refused_among_what_is_missing_and_has_no_secret() -> None:
    record = collection_record(VIEW)
    assert (record["whole"], record["bad"], record["missing"], record["pending"]) == (5, 1, 3, 2)
    assert (record["files"], record["refused_count"], record["is_whole"]) == (8, 3, False)
    assert "secret" not in str(record)
    assert "pw" not in str(record)
    assert "refused" not in record
    assert collection_record(VIEW, with_lists=True)["refused"] == [
        {"where": "line 2", "code": "usage", "message": "nonsense"}
    ]


def test_a_path_stays_as_it_is() -> None:
    source = SourceSpec(kind="list", address="/home/me@work/a=b.csv")
    view = replace(VIEW, collection=replace(RECORD, source=source))
    assert collection_record(view)["source"] == "/home/me@work/a=b.csv"
    assert "source      list /home/me@work/a=b.csv" in in_full(view)


def test_in_full_it_says_what_is_wrong_and_how_much_more() -> None:
    lines = in_full(VIEW)
    assert "verdict     1 bad, 3 missing, 2 pending" in lines
    assert "files       5 whole, 1 bad, 3 missing, 2 pending" in lines
    assert "        1  checksum: other bytes" in lines
    assert lines[lines.index("refused") + 1 :][:2] == ["  line 2: nonsense", "  and 2 more"]
    assert lines[-2:] == ["vanished from the source", "  gone"]


def test_the_table_says_that_what_is_pending_is_paused() -> None:
    paused = replace(VIEW, collection=replace(RECORD, paused=True))
    whole = replace(paused, verdicts=dict(VIEW.verdicts) | {"pending": 0})
    lines = table([paused, whole], None)
    assert [line.endswith(", paused") for line in lines[1:]] == [True, False]


def test_where_a_length_is_not_known_the_table_tells_the_share_of_the_files() -> None:
    unsized = replace(VIEW, totals=replace(VIEW.totals, unsized=2))
    nothing = replace(VIEW, verdicts=dict.fromkeys(VIEW.verdicts, 0), totals=Totals())
    shown = [line.split()[1:4] for line in table([VIEW, unsized, nothing], None)]
    assert shown == [
        ["FILES", "DONE", "SIZE"],
        ["8", "50%", "1.00"],
        ["8", "62%", "-"],
        ["0", "-", "-"],
    ]


@pytest.mark.parametrize("width", [None, 40])
def test_a_table_has_a_line_for_each_and_is_cut_where_it_has_to_be(width: int | None) -> None:
    other = replace(VIEW, collection=replace(RECORD, name="a much longer name of something"))
    lines = table([VIEW, other], width)
    assert len(lines) == 3
    assert lines[0].startswith("NAME ")
    assert width is None or max(map(len, lines)) <= width
    if width is None:
        assert lines[1].endswith("1 bad, 3 missing, 2 pending")


@pytest.mark.parametrize("text", [EVIL, "\u202e", "\x9b"])
def test_nothing_foreign_reaches_a_terminal(text: str) -> None:
    error = ErrorInfo(code=ErrorCode.NETWORK, message=text, hint=text)
    record = replace(
        RECORD,
        name=text,
        source=SourceSpec(kind=text, address=text),
        read_error=error,
        refused=(Refused(where=text, reason=text),),
        vanished=(text,),
    )
    view = replace(VIEW, collection=record, causes=(Cause(code=text, message=text, count=1),))
    for line in (*in_full(view), *table([view], None), *table([view], 60)):
        assert line.isprintable()


def test_a_row_has_every_field_in_json_and_what_is_unknown_is_null() -> None:
    row = ReportRow(
        path="a/b",
        url="https://h/b?sig=secret",
        bytes=None,
        digest=None,
        verdict=Verdict.MISSING,
        seconds=1.23456,
    )
    record = json.loads(dump(row_record(row)))
    assert tuple(record) == ROW_FIELDS
    assert (record["verdict"], record["seconds"], record["bytes"]) == ("missing", 1.235, None)
    assert "secret" not in record["url"]
    assert row_record(replace(row, url=None))["url"] is None


def test_of_a_plan_all_are_counted_and_the_first_are_named() -> None:
    plan = SyncPlan(new=("a",), counts={"new": 2000, "failed": 3}, unchanged=5, requests=1)
    record = sync_record(plan)
    assert record["new"] == ["a"]
    assert plan_count(plan, "new") == 2000
    counts = record["counts"]
    assert isinstance(counts, dict)
    assert (counts["new"], counts["failed"], counts["deleted"]) == (2000, 3, 0)
