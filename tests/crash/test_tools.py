"""What the proofs rest on: the count of what was sent twice, the reader of traces, the disk."""

from __future__ import annotations

import random
from pathlib import Path

from tests.crash.disk_model import Cut, Directory, File, Write, materialise
from tests.crash.served import Served
from tests.crash.trace import parse

_TRACE = r"""
11 openat(AT_FDCWD<\x2f>, "\x2f\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0666) = 5<\x2f\x61>
11 pwritev2(5<\x2f\x61>, [{iov_base="\x78\x79", iov_len=2}, {iov_base="\x7a", iov_len=1}], 2, 7, 0 <unfinished ...>
12 fdatasync(5<\x2f\x61>) = 0
11 <... pwritev2 resumed>) = 3
12 --- SIGCHLD {si_signo=SIGCHLD} ---
12 linkat(4<\x2f\x64>, "\x61", 4<\x2f\x64>, "\x62", 0) = -1 EEXIST (File exists)
12 fsync(5<\x2f\x61> <unfinished ...>
""".lstrip()  # noqa: E501 (as the tracer writes it)


def test_a_byte_that_is_sent_again_is_charged_to_the_life_that_sent_it_last() -> None:
    served = Served()
    assert served.send(0, 100, 0) == {}
    assert served.send(100, 200, 1) == {}
    assert served.send(50, 150, 2) == {0: 50, 1: 50}
    assert served.send(0, 200, 3) == {0: 50, 1: 50, 2: 100}
    assert served.send(500, 600, 3) == {}
    assert served.send(150, 550, 3) == {3: 100}
    assert served.covered == 600


def test_a_trace_tells_when_calls_began_and_ended(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text(_TRACE)
    opened, written, synced, linked, cut = parse(tmp_path / "trace")
    assert (opened.result, opened.paths) == (5, [Path("/a")])
    assert (written.begun, written.ended, written.offset, written.data) == (1, 3, 7, b"xyz")
    assert (synced.begun, synced.ended, synced.path) == (2, 2, Path("/a"))
    assert linked.paths == [Path("/d/a"), Path("/d/b")]
    assert not linked.worked
    assert cut.result is None


def test_a_cut_keeps_what_was_synced_and_no_more_than_was_written(tmp_path: Path) -> None:
    lost, kept = Write(0, b"lost" * 2000, is_over=True), Write(0, b"kept" * 2000, is_over=True)
    file, disk = File(pending=[kept]), Directory()
    file.settle([kept])
    file.pending.append(lost)
    disk.change(("synced", file))
    disk.settle(1)
    disk.change(("synced", None), ("renamed", file))
    disk.change(("late", File()))
    seen = set()
    for seed in range(40):
        place = tmp_path / str(seed)
        place.mkdir()
        materialise(disk, Cut(random.Random(seed)), place)
        names = sorted(path.name for path in place.iterdir())
        assert names in (["synced"], ["renamed"], ["late", "renamed"])
        content = (place / ("synced" if "synced" in names else "renamed")).read_bytes()
        assert len(content) == 8000
        assert set(content) <= set(b"keptlos")
        seen.add((tuple(names), content))
    assert len({names for names, _ in seen}) == 3
    assert {lost.data, kept.data} < {content for _, content in seen}
