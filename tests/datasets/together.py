"""A data set that is to be whole or not there: through failures, a kill and a wrong file."""

from __future__ import annotations

from tests.datasets.files import WRONG, other
from tests.datasets.home import Home
from tests.datasets.scenario import Scenario
from tests.datasets.sites import Site


class Together(Scenario):
    """One source with `--together`: until the last file is right, nobody sees any of it."""

    options = ("--together",)

    def run_together(self) -> None:
        """Live through it; raises AssertionError at what is not as it has to be."""
        case, data = self._case, self._data
        self._bad = {case.path(WRONG)}
        with case.serve(self._root, self._faults, "") as site, self._home() as home:
            for path, content in data.files.items():
                site.put(case.path(path), other(content) if path == WRONG else content)
            self._words = case.publish(site, self._root, data, self._digests())
            self._fetch(site, home)
            self._check_nothing(home)
            self._check_report(home, self._bad, "with a wrong file")
            self._retry(home)
            self._check_report(home, self._bad, "after a retry of no use")
            self._check_nothing(home)
            fetched = site.server.requests()
            site.put(case.path(WRONG), data.files[WRONG])
            mark = site.server.mark()
            self._retry(home)
            assert self._asked(site, mark) == self._bad
            self._check_report(home, set(), "after it was mended")
            files = home.whole_files()
            assert {path: files[case.path(path)] for path in data.files} == data.files
            assert [path.name for path in home.files.parent.glob(".*")] == []
            self._check_bytes(site, fetched, self._named)

    def _change(self, site: Site) -> None:
        """Leave the files of the server as they are: what is wrong is enough."""

    def _check_nothing(self, home: Home) -> None:
        assert not home.files.exists(), "some of it has its name"
