"""A real web server that fails as often as it is told, and writes down each byte that it sends.

nginx answers some of the requests with 503, and closes some connections without a word. It is the
server of files as well as what stands before an object store.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from tests.bench.servers import find, free_port, running, wait_for
from tests.datasets.files import LARGE

_CONFIG = """\
daemon off; master_process off; pid {temp}/nginx.pid; error_log {temp}/error.log;
events {{ worker_connections 1024; }}
http {{
  log_format bytes '$status $body_bytes_sent $request_method $request_uri';
  access_log {temp}/access.log bytes;
  default_type application/octet-stream; keepalive_requests 100000; charset utf-8;
  client_body_temp_path {temp}/b; proxy_temp_path {temp}/p; fastcgi_temp_path {temp}/f;
  uwsgi_temp_path {temp}/u; scgi_temp_path {temp}/s;
  split_clients "{seed}$request_id" $fault {{ {faults} * ""; }}
  map $uri $slow {{ default /nonexistent; "~/{large}" {temp}/slow; }}
  limit_req_zone $server_name zone=all:64k rate={requests}r/s;
  map $uri $tells {{ default ""; "{tells}" "{told}"; }}
  server {{
    listen 127.0.0.1:{port};
    location = /mark {{ access_log off; return 204; }}
    location / {{
      if ($fault = refused) {{ return 503; }}
      if ($fault = cut) {{ return 444; }}
      if (-f $slow) {{ set $limit_rate {pace}; }}
      limit_req zone=all burst=5000;
      set $told $tells;
      if (-f {temp}/honest) {{ set $told ""; }}
      add_header {field} $told;
      {content}
    }}
  }}
}}
"""


PACE = 64 * 1024
"""Bytes/s of a slow file."""


@dataclass(frozen=True)
class Faults:
    """How many requests of a hundred fail, and how many are answered in a second."""

    percent: float = 5.0
    requests: int = 60
    seed: int = 0


@dataclass(frozen=True)
class Header:
    """A field that comes with one file; without a value it comes with none."""

    field: str
    path: str
    value: str = ""


@dataclass(frozen=True)
class Request:
    """A line of the log; `path` is without its query and decoded, `bytes` are those of the body."""

    status: int
    bytes: int
    method: str
    path: str

    @property
    def is_served(self) -> bool:
        """Whether bytes of the file went over the wire."""
        return self.status in (200, 206)


class Nginx:
    """A running server: its address, and what it has answered so far."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log
        self._slow = log.with_name("slow")
        self._honest = log.with_name("honest")

    @property
    def url(self) -> str:
        """Its address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def slow_down(self, is_slow: bool) -> None:
        """Send what is large slowly, or as fast as it goes: each answer from now on."""
        if is_slow:
            self._slow.touch()
        else:
            self._slow.unlink()

    def stop_lying(self) -> None:
        """Tell the wrong digest of a file no more."""
        self._honest.touch()

    def requests(self, since: int = 0) -> list[Request]:
        """Return what was answered, of the bytes of the log from `since` on.

        A request of our own comes first: once that is answered, what came before is written down.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/mark")
        connection.getresponse().read()
        connection.close()
        return [found for line in self._text(since).splitlines() if (found := _read(line))]

    def mark(self) -> int:
        """Return where the log ends now."""
        self.requests()
        return self._log.stat().st_size

    def until(self, condition: Callable[[list[Request]], bool], patience: float = 60.0) -> None:
        """Return once the log is as wanted."""
        end = time.monotonic() + patience
        while not condition(self.requests()):
            assert time.monotonic() < end, "the server was never asked for enough"
            time.sleep(0.005)

    def _text(self, since: int) -> str:
        with self._log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="surrogateescape")


@contextmanager
def nginx(temp: Path, content: str, faults: Faults, header: Header) -> Iterator[Nginx]:
    """Run nginx with the lines `content` in its location."""
    port = free_port()
    (temp / "nginx.conf").write_text(
        _CONFIG.format(
            temp=temp,
            port=port,
            content=content,
            seed=faults.seed,
            faults=_split(faults.percent),
            requests=faults.requests,
            pace=PACE,
            large=LARGE,
            field=header.field,
            tells=header.path,
            told=header.value,
        )
    )
    program = find("nginx")
    assert program is not None, "nginx is not installed"
    command = [program, "-c", str(temp / "nginx.conf"), "-p", str(temp), "-e", str(temp / "e")]
    with running(command) as process:
        wait_for(port, process)
        yield Nginx(port, temp / "access.log")


def quoted(path: str) -> str:
    """Return a path as it is in a URL."""
    return quote(path, safe="/")


def _split(percent: float) -> str:
    """Say how many are refused, and how many connections are closed without an answer."""
    if not percent:
        return ""
    return f"{percent * 0.6:.2f}% refused; {percent * 0.4:.2f}% cut;"


_LINE = re.compile(r"(\d+) (\d+) (\S+) (\S+)")


def _read(line: str) -> Request | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    path = unquote(match[4].partition("?")[0])
    return Request(int(match[1]), int(match[2]), match[3], path)
