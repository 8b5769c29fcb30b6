"""Where a data set lies: the files below a web server, or the objects of a bucket."""

from __future__ import annotations

import base64
import http.client
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.bench.servers import free_port, running, wait_for
from tests.datasets.files import WRONG
from tests.datasets.nginx import Faults, Header, Nginx, Request, nginx, quoted

BUCKET = "datasets"
PREFIX = "set/"
_DAY = 86400


class Site(Protocol):
    """A place that has files, and that a server in front of it writes a log for."""

    server: Nginx

    def put(self, path: str, content: bytes) -> None:
        """Have a file there, or other bytes in its place; who reads the old one reads on."""
        ...

    def path_of(self, request: Request) -> str | None:
        """Return which file a request was for; None for another."""
        ...


class Web:
    """Files below a directory that nginx serves under /set/, and under /mirror/ as well."""

    def __init__(self, server: Nginx, root: Path) -> None:
        self.server = server
        self._root = root
        self._puts = 0

    @property
    def url(self) -> str:
        """Where the data set begins."""
        return f"{self.server.url}/set/"

    def put(self, path: str, content: bytes) -> None:
        target = self._root / "set" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        new = self._root / "new"
        new.write_bytes(content)
        # nginx tells versions apart by the second.
        self._puts += 1
        at = time.time() - _DAY + self._puts
        os.utime(new, (at, at))
        new.rename(target)

    def path_of(self, request: Request) -> str | None:
        for start in ("/set/", "/mirror/"):
            if request.path.startswith(start) and not request.path.endswith("/"):
                return request.path.removeprefix(start)
        return None


@contextmanager
def web(temp: Path, faults: Faults, wrong: str = "") -> Iterator[Web]:
    """Serve an empty data set by nginx, which tells `wrong` as the SHA-256 of the wrong file."""
    root = temp / "root"
    (root / "set").mkdir(parents=True)
    (root / "mirror").symlink_to("set")
    header = Header("Repr-Digest", f"/set/{WRONG}", wrong and f"sha-256=:{_base64(wrong)}:")
    with nginx(temp, f"root {root}; autoindex on;", faults, header) as server:
        yield Web(server, root)


class Store:
    """Objects below a prefix of a bucket of moto's S3; nginx stands between it and whoever asks."""

    def __init__(self, server: Nginx, port: int) -> None:
        self.server = server
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._put(f"/{BUCKET}")

    def put(self, path: str, content: bytes) -> None:
        self._put(f"/{BUCKET}/{quoted(PREFIX + path)}", content)

    def path_of(self, request: Request) -> str | None:
        start = f"/{BUCKET}/{PREFIX}"
        return request.path.removeprefix(start) if request.path.startswith(start) else None

    def _put(self, path: str, content: bytes = b"") -> None:
        # moto compares no signature, but there has to be one.
        self._connection.request("PUT", path, body=content, headers={"Authorization": "AWS a:b"})
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)


@contextmanager
def store(temp: Path, faults: Faults, wrong: str = "") -> Iterator[Store]:
    """Serve an empty bucket by moto, behind nginx, which tells `wrong` of the wrong file."""
    header = Header("x-amz-checksum-sha256", f"/{BUCKET}/{PREFIX}{WRONG}", wrong and _base64(wrong))
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1"]
    content = f"proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $http_host;"
    with (
        (temp / "moto.log").open("wb") as log,
        running([*command, "-p", str(port)], stdout=log.fileno(), stderr=log.fileno()) as moto,
    ):
        wait_for(port, moto)
        with nginx(temp, content, faults, header) as server:
            yield Store(server, port)


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()
