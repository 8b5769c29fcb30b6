"""`winch history` and `winch stats`: what they print, what they write, what they refuse."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from rich.cells import cell_len

from core.domain.errors import DestinationError, DestinationExistsError, ErrorCode
from core.domain.history import AttemptEnd
from core.policy.statistics import statistics
from tests.attempts import NOON, a_failure, an_attempt
from tests.tui.cli.conftest import Winch
from tui.cli.history import plain, table
from tui.control.export_file import refuse_existing, write_private
from tui.text.json_records import attempt_record, exported, statistics_record
from tui.text.statistics_report import report


class _Files(BaseHTTPRequestHandler):
    """Serves four bytes for every path but /gone."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"data")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def base_url() -> Any:
    """A web server in this process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class TestTable:
    def test_it_is_aligned_and_says_below_what_went_wrong(self) -> None:
        started = NOON - timedelta(minutes=3)
        entries = [
            an_attempt(2, started_at=started, name="disk.iso", bytes=3 * 2**20),
            a_failure(1, error_message="nothing is here (404)"),
        ]
        moment = NOON.astimezone().strftime("%m-%d %H:%M")
        assert table(entries, 80, NOON) == [
            "ENDED        OUTCOME        SIZE    TIME        RATE  HOST         NAME",
            f"{moment}  completed  3.00 MiB    3:00  1.95 KiB/s  example.org  disk.iso",
            f"{moment}  failed          0 B  1.00 s           -  example.org  1.bin",
            "  not found: nothing is here (404)",
        ]

    def test_it_fits_the_terminal_and_is_whole_in_a_pipe(self) -> None:
        name = "漢" * 60 + ".iso"
        entries = [an_attempt(1, name=name, host="long." * 20 + "example")]
        assert name in table(entries, None, NOON)[1]
        for width in (120, 80, 60, 20, 1):
            assert all(cell_len(line) <= width for line in table(entries, width, NOON))
        at_80 = table(entries, 80, NOON)[1]
        assert at_80.endswith(".iso")
        assert "example" in at_80
        titles = {width: table(entries, width, NOON)[0].split()[2:-2] for width in (80, 66, 54, 44)}
        assert titles == {80: ["SIZE", "TIME", "RATE"], 66: ["SIZE", "TIME"], 54: ["SIZE"], 44: []}

    def test_a_year_that_is_not_this_one_is_named(self) -> None:
        entries = [an_attempt(1, ended_at=NOON - timedelta(days=400))]
        assert table(entries, 80, NOON)[1].startswith("2025-02-03")

    def test_foreign_text_changes_nothing_but_its_own_cell(self) -> None:
        bad = "\x1b[2J\x9b\u202e\n"
        lines = table([a_failure(1, name=bad, host=bad, error_message=bad)], 80, NOON)
        assert len(lines) == 3
        assert all(line.isprintable() for line in lines)


class TestRecords:
    def test_an_attempt_has_the_documented_fields(self) -> None:
        assert attempt_record(a_failure(7, verdict="unverified", group="set")) == {
            "number": 7,
            "id": f"{7:016x}",
            "url": "https://example.org/7.bin",
            "host": "example.org",
            "name": "7.bin",
            "directory": "/data",
            "group": "set",
            "started_at": "2026-03-10T11:59:59.000Z",
            "ended_at": "2026-03-10T12:00:00.000Z",
            "outcome": "failed",
            "success": False,
            "bytes": 0,
            "total_bytes": 1000,
            "phases": {
                "connecting": 0.25,
                "downloading": 0.5,
                "verifying": 0.0,
                "finalizing": 0.25,
            },
            "average_rate": None,
            "peak_rate": None,
            "retries": 0,
            "connections": None,
            "resume_verdict": "unverified",
            "error_code": "not_found",
            "error_message": "nothing is here (404)",
        }

    def test_statistics_are_whole_numbers_and_null_where_nothing_is_known(self) -> None:
        found = statistics(
            [an_attempt(1, average_rate=1999.6), a_failure(2)],
            {"2026-03-10": (1.23456, 2**20)},
            now=NOON,
            days=2,
        )
        shown = statistics_record(found)
        assert (shown["days"], shown["attempts"], shown["completed"]) == (2, 2, 1)
        assert shown["total_bytes"] == {"now": 1000, "before": None}
        assert shown["average_rate"] == {"now": 2000, "before": None}
        assert shown["success_rate"] == {"now": 0.5, "before": None}
        assert shown["failures"] == [
            {
                "error_code": "not_found",
                "host": "example.org",
                "count": 1,
                "error_message": "nothing is here (404)",
            }
        ]
        daily = shown["daily"]
        assert isinstance(daily, list)
        assert [day["cpu_seconds"] for day in daily] == [None, 1.235]
        assert '"bytes_by_hour": [0, 0' in json.dumps(shown)

    def test_an_export_is_json_either_way(self) -> None:
        entries = [an_attempt(1), an_attempt(2)]
        lines = exported(entries, as_lines=True)
        assert [json.loads(line)["number"] for line in lines] == [1, 2]
        array = json.loads("\n".join(exported(entries, as_lines=False)))
        assert [record["number"] for record in array] == [1, 2]
        assert json.loads("\n".join(exported([], as_lines=False))) == []


class TestFiles:
    def test_a_file_is_replaced_as_a_whole_and_its_owner_s_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "out.json"
        path.write_text("before")
        path.chmod(0o644)
        write_private(path, ["one", "two"])
        assert path.read_text() == "one\ntwo\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["out.json"]  # noqa: PTH208

    def test_what_cannot_be_written_leaves_what_was_there(self, tmp_path: Path) -> None:
        path = tmp_path / "out.json"
        path.write_text("before")
        with pytest.raises(UnicodeEncodeError):
            write_private(path, ["one", "\u2026"])
        assert path.read_text() == "before"
        assert len(list(tmp_path.iterdir())) == 1
        with pytest.raises(DestinationError):
            write_private(tmp_path / "missing" / "out.json", ["one"])

    def test_what_exists_is_refused_a_dangling_link_too(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("nowhere")
        with pytest.raises(DestinationExistsError):
            refuse_existing(tmp_path / "link")
        refuse_existing(tmp_path / "free")


def test_the_lines_of_the_statistics_fit_eighty_cells_and_need_no_unicode() -> None:
    entries = [
        an_attempt(1, ended_at=NOON - timedelta(days=8), bytes=500),
        an_attempt(2, name="x" * 100, host="h" * 100),
        a_failure(3, error_code=ErrorCode.CANNOT_RESUME, error_message="e" * 200),
        an_attempt(4, end=AttemptEnd.INTERRUPTED),
    ]
    found = statistics(entries, {"2026-03-10": (99.5, 2**30)}, now=NOON, days=7)
    lines = [plain(line) for line in report(found, 80, NOON, ascii_only=True)]
    assert all(cell_len(line) <= 80 and line.isascii() for line in lines)
    shown = "\n".join(lines)
    assert "+300%" in shown
    assert "cannot resume" in shown


def test_the_commands_on_real_attempts(winch: Winch, base_url: str) -> None:
    urls = [f"{base_url}/{name}" for name in ("a.bin", "gone")]
    assert winch("get", *urls).returncode == 3
    shown = winch("history")
    assert shown.returncode == 0
    assert "a.bin" in shown.stdout
    assert "not found" in shown.stdout
    (failed,) = winch.json("history", "--failed")
    assert (failed["name"], failed["error_code"]) == ("gone", "not_found")
    (found,) = winch.json("history", "A.BIN", "--since", "1h")
    assert (found["bytes"], found["outcome"]) == (4, "completed")
    assert len(winch.json("history", "--limit", "1")) == 1
    assert "--limit 0" in winch("history", "--limit", "1").stderr
    assert winch.json("history", "--since", "2100-01-01") == []
    assert "or a day: 2026-03-01" in winch("history", "--since", "x").stderr

    exported_to = winch.directory / "all.jsonl"
    assert winch("history", "export", "all.jsonl").returncode == 0
    written = [json.loads(line) for line in exported_to.read_text().splitlines()]
    assert [attempt["number"] for attempt in written] == [1, 2]
    assert {attempt["name"] for attempt in written} == {"a.bin", "gone"}
    refused = winch("history", "export", "all.jsonl")
    assert refused.returncode == 13
    assert "--force" in refused.stderr
    assert winch("history", "export", "all.jsonl", "--force").returncode == 0
    assert len(json.loads(winch("history", "export", "-").stdout)) == 2

    stats = winch.json("stats", "--days", "1")
    assert (stats["completed"], stats["failed"], stats["total_bytes"]["now"]) == (1, 1, 4)
    assert "not found" in winch("stats").stdout

    cleared = winch("history", "clear", "--yes")
    assert cleared.returncode == 0
    assert "forgot 2 attempts" in cleared.stderr
    assert winch.json("history", "--limit", "0") == []
    assert "nothing was downloaded" in winch("stats").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("history", "export"),
        ("history", "export", "a", "b"),
        ("history", "--since", "yesterday"),
        ("history", "--since", "99999999w"),
        ("history", "--limit", "-1"),
        ("stats", "--days", "0"),
        ("stats", "--days", "99999"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(winch: Winch, words: tuple[str, ...]) -> None:
    result = winch(*words)
    assert result.returncode == 2
    assert result.stderr.startswith("winch: ")


@pytest.mark.parametrize(("answer", "count"), [(b"n\n", 1), (b"y\n", 0)])
def test_on_a_terminal_clear_asks_first(
    winch: Winch, base_url: str, answer: bytes, count: int
) -> None:
    winch("get", f"{base_url}/a.bin")
    parent, child = pty.openpty()
    with subprocess.Popen(
        [*winch.command, "history", "clear"], env=winch.env, stdin=child, stderr=subprocess.PIPE
    ) as process:
        os.write(parent, answer)
        _, said = process.communicate(timeout=50)
    os.close(parent)
    os.close(child)
    assert b"forget the whole history?" in said
    assert len(winch.json("history")) == count
