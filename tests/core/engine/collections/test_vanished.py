"""A source read again: what it names no more is kept, or deleted where that is asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from core.domain.entries import SourceSpec
from core.domain.errors import WinchError
from tests.core.engine.collections.dataset import Dataset
from tests.core.engine.collections.samples import NAME
from tests.core.sources.packages import install

TOLD = """
import json
from pathlib import Path
from core.domain.entries import Entry, Refused

class Told:
    async def expand(self, spec, fetcher):
        for item in json.loads(Path(spec.address).read_text()):
            yield Refused(**item) if "reason" in item else Entry(**item)

    async def refresh(self, entry):
        raise NotImplementedError
"""


class TestVanished:
    async def test_it_is_told_and_kept(self, dataset: Dataset) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        dataset.drop("b")
        plan = await dataset.sync()
        assert (plan.vanished, plan.deleted, plan.unchanged) == (("b",), (), 1)
        collection = (await dataset.engine.collection(NAME)).collection
        assert (collection.vanished, collection.vanished_count) == (("b",), 1)
        assert dataset.files() == {"a": b"1", "b": b"1"}
        dataset.serve_with_digest("b", b"1")
        await dataset.sync()
        assert (await dataset.engine.collection(NAME)).collection.vanished_count == 0

    async def test_what_failed_and_has_no_file_leaves(self, dataset: Dataset) -> None:
        for path in ("a", "old"):
            dataset.serve_with_digest(path, b"1")
        dataset.serve_with_digest("gone", b"1", statuses=[404])
        await dataset.collect()
        dataset.serve_with_digest("old", b"2", statuses=[404])
        await dataset.sync()
        assert (await dataset.settled()).verdicts["missing"] == 2
        dataset.drop("gone", "old")
        would = await dataset.sync(dry_run=True)
        assert would.vanished == ("gone", "old")
        assert await dataset.sync() == would
        view = await dataset.engine.collection(NAME)
        assert view.collection.vanished == ("old",), "its file is there, of an older version"
        assert view.totals.files == 2
        assert dataset.files() == {"a": b"1", "old": b"1"}

    async def test_asked_for_it_is_deleted_with_what_is_empty_then(self, dataset: Dataset) -> None:
        for path in ("a", "deep/er/b", "deep/er/c", "other/d"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        (dataset.directory / "other/mine").write_bytes(b"mine")
        dataset.drop("deep/er/b", "deep/er/c", "other/d")
        plan = await dataset.sync(delete_extra=True)
        assert plan.deleted == plan.vanished == ("deep/er/b", "deep/er/c", "other/d")
        assert plan.counts["deleted"] == 3
        assert dataset.files() == {"a": b"1", "other/mine": b"mine"}
        assert not (dataset.directory / "deep").exists()
        view = await dataset.engine.collection(NAME)
        assert (view.collection.vanished_count, view.totals.files) == (0, 1)

    async def test_what_somebody_changed_stays_and_is_named(self, dataset: Dataset) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        (dataset.directory / "b").write_bytes(b"mine")
        dataset.drop("b")
        plan = await dataset.sync(delete_extra=True)
        assert (plan.vanished, plan.deleted) == (("b",), ())
        (kept,) = plan.refused
        assert kept.where == "b"
        assert "not as winch left it" in kept.reason
        assert dataset.files()["b"] == b"mine"

    async def test_nothing_is_deleted_where_nothing_is_named(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        dataset.list.write_text("url,path,checksum\n")
        plan = await dataset.sync(delete_extra=True)
        assert (plan.vanished, plan.deleted) == (("a",), ())
        assert "not one file" in plan.withheld
        assert dataset.files() == {"a": b"1"}

    @pytest.mark.parametrize("until_close", [False, True])
    async def test_nothing_is_deleted_for_a_text_that_may_have_been_cut(
        self, dataset: Dataset, until_close: bool
    ) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, path.encode())
        sums = [f"{hashlib.sha256(p.encode()).hexdigest()}  {p}\n".encode() for p in ("a", "b")]
        url = dataset.server.file("SUMS", b"".join(sums), until_close=until_close)
        await dataset.collect(source=SourceSpec(kind="manifest", address=url))
        dataset.server.replace("SUMS", sums[0])
        plan = await dataset.sync(delete_extra=True)
        assert plan.vanished == ("b",)
        assert plan.deleted == (() if until_close else ("b",))
        assert ("may have been cut" in plan.withheld) is until_close
        assert ("b" in dataset.files()) is until_close

    async def test_nor_after_a_reading_that_failed(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        dataset.list.unlink()
        with pytest.raises(WinchError):
            await dataset.sync(delete_extra=True)
        assert dataset.files() == {"a": b"1"}
        view = await dataset.engine.collection(NAME)
        assert view.is_whole
        assert view.collection.vanished_count == 0

    async def test_nor_where_an_entry_cannot_be_read_that_could_before(
        self, dataset: Dataset
    ) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        line = dataset.rows["b"].replace("sha256:", "sha256:zz")
        dataset.drop("b")
        for _ in range(2):
            dataset.write(line)
            plan = await dataset.sync(delete_extra=True)
            assert (plan.vanished, plan.deleted) == (("b",), ())
            assert "1 entry" in plan.withheld
            assert dataset.files() == {"a": b"1", "b": b"1"}
        dataset.write()
        assert (await dataset.sync(delete_extra=True)).deleted == ("b",)

    async def test_what_was_refused_all_along_hides_nothing(self, dataset: Dataset) -> None:
        dataset.rows["bad"] = "http://host/x,../x,"
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        dataset.drop("b")
        assert (await dataset.sync(delete_extra=True)).deleted == ("b",)

    @pytest.mark.parametrize(
        "now",
        [
            {"where": "b", "reason": "it cannot be fetched"},
            {"path": "b", "url": "http://127.0.0.1/" + "x" * 9000},
        ],
    )
    async def test_one_whose_entry_is_refused_now_has_not_vanished(
        self,
        dataset: Dataset,
        now: dict[str, str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        install(
            tmp_path / "site", name="told", module="told", code=TOLD, sources={"told": "told:Told"}
        )
        monkeypatch.syspath_prepend(tmp_path / "site")
        items = [{"path": path, "url": dataset.server.file(path, b"1")} for path in ("a", "b")]
        dataset.list.write_text(json.dumps(items))
        await dataset.collect(source=SourceSpec(kind="told", address=str(dataset.list)))
        dataset.list.write_text(json.dumps([items[0], now]))
        plan = await dataset.sync(delete_extra=True)
        assert (plan.vanished, plan.deleted, plan.counts["refused"]) == ((), (), 1)
        assert plan.withheld == ""
        assert dataset.files() == {"a": b"1", "b": b"1"}
