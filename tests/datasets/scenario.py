"""A data set and all that may happen to it: requests fail, the daemon is killed, files are wrong.

The report has to name what is bad, no more and no less; a retry fetches just that, and says so as
long as it is of no use; and of everything else each byte comes over the wire once, by the log of
the server. What had been answered and had no name yet when the daemon was killed may come twice.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.engine.transfer.committer import MOST_BYTES
from tests.datasets.cases import Case
from tests.datasets.files import CHANGED, KIB, LONG, MISSTATED, WRONG, DataSet, other
from tests.datasets.home import ACTIVE, Home
from tests.datasets.nginx import PACE, Faults, Request
from tests.datasets.sites import Site
from tests.warm import warm_python

NAME = "scans"
_SMALL = 256 * KIB
_OVERLAP = 64 * KIB


@dataclass(frozen=True)
class Figures:
    """What a scenario came to."""

    source: str
    files: int
    bytes: int
    requests: int
    failed: int
    bad: int
    twice: int
    """Files that came twice, in part or whole, because of the kill."""
    again: int
    """Bytes of these that did."""
    bound: int
    """Bytes that may."""
    sync_requests: int


class Scenario:
    """One source, from `winch add` to a second sync of what is whole."""

    options: tuple[str, ...] = ()
    """What `winch add` is told besides."""

    def __init__(self, case: Case, root: Path, *, files: int, faults: Faults) -> None:
        self._case = case
        self._root = root
        self._data = DataSet(files, faults.seed)
        self._faults = faults
        self._bad = {case.path(WRONG)}
        if case.tells_digests:
            self._bad |= {case.path(MISSTATED)}
        if case.tells_digests or case.pins_version:
            self._bad |= {case.path(CHANGED)}
        self._expected = {case.path(path) for path in self._data.files} | set(case.also)

    def run(self) -> Figures:
        """Live through all of it; raises AssertionError at what is not as it has to be."""
        case, data = self._case, self._data
        told = "" if case.tells_digests else data.sha256("empty.txt")
        with case.serve(self._root, self._faults, told) as site, self._home() as home:
            self._publish(site)
            self._fetch(site, home)
            fetched = site.server.requests()
            self._check_report(home, self._bad, "at the end")
            named = self._named
            assert not self._bad & home.whole_files().keys(), "a bad file has its final name"
            again, twice = self._check_bytes(site, fetched, named)
            self._retry_in_vain(site, home)
            self._mend(site, home)
            syncs = self._sync_unchanged(site, home)
        return Figures(
            source=case.name,
            files=len(self._expected),
            bytes=data.size,
            requests=len(fetched),
            failed=sum(not request.is_served for request in fetched),
            bad=len(self._bad),
            twice=twice,
            again=again,
            bound=self._bound,
            sync_requests=syncs,
        )

    # What happens ---------------------------------------------------------------------------------

    def _publish(self, site: Site) -> None:
        for path, content in self._data.files.items():
            is_wrong = path == WRONG and self._case.tells_digests
            site.put(self._case.path(path), other(content) if is_wrong else content)
        self._words = self._case.publish(site, self._root, self._data, self._digests(MISSTATED))

    def _digests(self, *wrong: str) -> dict[str, str]:
        digests = {path: self._data.sha256(path) for path in self._data.files}
        return digests | dict.fromkeys(wrong, digests["empty.txt"])

    def _fetch(self, site: Site, home: Home) -> None:
        """Ask for all of it, change a file in the middle of its way, and kill the daemon."""
        site.server.slow_down(True)
        words = ("--collection", NAME, "-d", str(home.files), *self.options, *self._words)
        added = home.run("add", *words)
        assert added.returncode == 0, added.stderr
        pid = home.pid
        wanted = {f"{self._case.path(path)}.part" for path in (CHANGED, LONG)}
        half = len(self._expected) // 2
        site.server.until(
            lambda requests: (
                len({r.path for r in requests if r.is_served}) >= half and wanted <= home.parts()
            )
        )
        self._change(site)
        home.kill(pid)
        site.server.slow_down(False)
        self._named = home.whole_files().keys()
        assert len(self._named) < len(self._expected), "the kill came too late"
        status = home.run("wait", NAME, patience=600).returncode
        assert status != 0, "not all is whole, and the exit code says that it is"

    def _change(self, site: Site) -> None:
        site.put(self._case.path(CHANGED), other(self._data.files[CHANGED]))

    def _retry_in_vain(self, site: Site, home: Home) -> None:
        """Try the bad ones again while nothing has been mended: they stay bad, and nothing else
        is asked for."""
        mark = site.server.mark()
        self._retry(home)
        assert self._asked(site, mark) == self._bad
        self._check_report(home, self._bad, "after a retry of no use")

    def _mend(self, site: Site, home: Home) -> None:
        """Mend the files of the server, then what names them: each mends what it is about."""
        case, data = self._case, self._data
        before = home.whole_files()
        mended = {WRONG, CHANGED} if case.tells_digests else {WRONG}
        if case.tells_digests:
            for path in mended:
                site.put(case.path(path), data.files[path])
        else:
            site.server.stop_lying()
        mark = site.server.mark()
        self._retry(home)
        assert self._asked(site, mark) == self._bad
        left = self._bad - {case.path(path) for path in mended}
        self._check_report(home, left, "after a retry of what was mended")
        if left:
            case.publish(site, self._root, data, self._digests())
            mark = site.server.mark()
            self._sync(home)
            home.run("wait", NAME, patience=600)
            assert self._asked(site, mark) - set(case.also) == left
        self._check_report(home, set(), "after all was mended")
        files = home.whole_files()
        for path, content in data.files.items():
            is_new = path == CHANGED and not case.tells_digests
            assert files[case.path(path)] == (other(content) if is_new else content), path
        assert all(files[path] == before[path] for path in before.keys() - case.also)

    def _sync_unchanged(self, site: Site, home: Home) -> int:
        """Compare with a source in which nothing has changed; return how many files it asked for.

        Where the source tells digests, that is none; else at most one request for each, which
        brings no bytes, or the first of a file whose version was lost with the kill.
        """
        mark = site.server.mark()
        self._sync(home)
        requests = [r for r in site.server.requests(mark) if r.status in (200, 206, 304)]
        asked = Counter(site.path_of(request) for request in requests)
        files = [self._case.path(path) for path in self._data.files]
        counts = [asked[path] for path in files]
        assert max(counts) <= (0 if self._case.tells_digests else 1), asked.most_common(3)
        sent = [r.bytes for r in requests if r.is_served and site.path_of(r) in files]
        assert all(count <= 1 for count in sent), sent
        self._check_report(home, set(), "after a sync")
        return sum(counts)

    def _sync(self, home: Home) -> None:
        synced = home.run("sync", NAME, patience=600)
        assert synced.returncode == 0, synced.stderr

    def _asked(self, site: Site, mark: int) -> set[str]:
        """Return which files of the set were asked for since then."""
        found = {site.path_of(request) for request in site.server.requests(mark)}
        return {path for path in found if path in self._expected}

    def _retry(self, home: Home) -> None:
        retried = home.run("retry", NAME)
        assert retried.returncode == 0, retried.stderr
        home.run("wait", NAME, patience=600)

    # What is looked at ----------------------------------------------------------------------------

    def _check_report(self, home: Home, bad: set[str], when: str) -> None:
        """Fail unless the report names exactly these as bad, and why, and all others whole."""
        rows, status = home.report(NAME)
        assert rows.keys() == self._expected, (when, rows.keys() ^ self._expected)
        found = {path for path, row in rows.items() if row["verdict"] != "whole"}
        assert found == bad, (when, [rows[path] for path in found ^ bad])
        for path in bad:
            assert rows[path]["verdict"] == "bad", (when, rows[path])
            assert rows[path]["cause"], (when, rows[path])
        assert (status == 0) == (not bad), (when, status)

    def _check_bytes(self, site: Site, requests: list[Request], named: set[str]) -> tuple[int, int]:
        """Fail unless each byte came once, but for what a kill may cost.

        Returns how many bytes came again, and of how many files.
        """
        sent: Counter[str] = Counter()
        for request in requests:
            path = site.path_of(request)
            if path is not None and request.is_served:
                sent[path] += request.bytes
        again, twice = 0, 0
        for name, content in self._data.files.items():
            path, size = self._case.path(name), len(content)
            if path in self._bad or name == CHANGED:
                continue
            if path in named:
                assert sent[path] == size, f"{path}: {sent[path]} of {size} bytes, and was there"
            assert size <= sent[path] <= 2 * size + _OVERLAP, (path, size, sent[path])
            again += sent[path] - size
            twice += sent[path] > size
        assert again <= self._bound, (again, self._bound)
        return again, twice

    @property
    def _bound(self) -> int:
        """The bytes that a kill may cost.

        Small files that were answered wait in memory for their names, `MOST_BYTES` of them at most
        beside what runs; what runs may have got a small file whole, or what came of a large one
        since its last checkpoint (a second or so) and what is compared anew where it goes on.
        """
        large = 3 * PACE + _OVERLAP
        return MOST_BYTES + ACTIVE * max(_SMALL, large)

    @contextmanager
    def _home(self) -> Iterator[Home]:
        is_cold = self._case.is_package
        python = sys.executable if is_cold else warm_python()
        more = {"PYTHONPATH": str(self._root / "packages")} if is_cold else {}
        home = Home(self._root, python, **more)
        try:
            yield home
        finally:
            home.run("daemon", "stop")
