"""One data set for each kind of source: how it is published, asked for, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.core.sources.packages import install
from tests.datasets import documents
from tests.datasets.documents import Digests
from tests.datasets.files import DataSet
from tests.datasets.nginx import Faults
from tests.datasets.sites import BUCKET, PREFIX, Site, Web, store, web

Words = tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A kind of source.

    `publish` writes down what names the files, with these digests, and returns the words of
    `winch add` that name that; `prefix` comes before each path, `also` are files that the source
    adds. `tells_digests`: the source says what each file must have. `pins_version`: it says which
    version of a file it means. Where it does neither, a file that changes becomes the new one.
    `is_package`: the daemon has to find it, installed beside winch.
    """

    name: str
    serve: Callable[[Path, Faults, str], AbstractContextManager[Site]]
    publish: Callable[[Site, Path, DataSet, Digests], Words]
    prefix: str = ""
    tells_digests: bool = True
    pins_version: bool = False
    also: tuple[str, ...] = ()
    is_package: bool = False

    def path(self, path: str) -> str:
        """Return what the report calls a file."""
        return self.prefix + path


def _list(site: Site, root: Path, data: DataSet, digests: Digests) -> Words:
    assert isinstance(site, Web)
    file = root / "list.csv"
    file.write_text(documents.table(data, digests, site.url))
    return ("-i", str(file))


def _sums(site: Site, root: Path, data: DataSet, digests: Digests) -> Words:
    del root
    return _manifest(site, "SHA256SUMS", documents.sums(data, digests))


def _bag(site: Site, root: Path, data: DataSet, digests: Digests) -> Words:
    del root
    assert isinstance(site, Web)
    for name, text in documents.bag(data, digests, site.url).items():
        site.put(name, text.encode())
    return ("--manifest", f"{site.url}fetch.txt")


def _metalink(site: Site, root: Path, data: DataSet, digests: Digests) -> Words:
    del root
    assert isinstance(site, Web)
    mirror = f"{site.server.url}/mirror/"
    return _manifest(site, "set.meta4", documents.metalink(data, digests, site.url, mirror))


def _package(site: Site, root: Path, data: DataSet, digests: Digests) -> Words:
    assert isinstance(site, Web)
    if not (root / "packages").exists():
        install(
            root / "packages",
            name="winch-lake",
            module="winch_lake",
            code=Path(__file__).with_name("package.py").read_text(),
            sources={"lake": "winch_lake:Lake"},
        )
    site.put("catalogue", documents.catalogue(data, digests, _lake(site)).encode())
    return (_lake(site),)


def _lake(site: Web) -> str:
    return site.url.replace("http:", "lake:")


def _manifest(site: Site, name: str, text: str) -> Words:
    assert isinstance(site, Web)
    site.put(name, text.encode())
    return ("--manifest", f"{site.url}{name}")


def _index(site: Site, root: Path, data: DataSet, digests: Digests) -> Words:
    del root, data, digests
    assert isinstance(site, Web)
    return ("-r", site.url)


def _store(site: Site, root: Path, data: DataSet, digests: Digests) -> Words:
    del root, data, digests
    return (f"s3://{BUCKET}/{PREFIX}", "--endpoint-url", site.server.url)


CASES = (
    Case("list", web, _list),
    Case("sums", web, _sums),
    Case("bagit", web, _bag, prefix="data/", also=("bagit.txt", "manifest-sha256.txt")),
    Case("metalink", web, _metalink),
    Case("store", store, _store, tells_digests=False, pins_version=True),
    Case("index", web, _index, tells_digests=False),
    Case("package", web, _package, is_package=True),
)
