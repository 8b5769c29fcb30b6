"""The servers of the benchmark, each for one run: nginx where speed counts, our own elsewhere."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.raw import Manner

_CONFIG = """\
daemon off; master_process off; pid {temp}/nginx.pid; error_log {temp}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
  client_body_temp_path {temp}/b; proxy_temp_path {temp}/p; fastcgi_temp_path {temp}/f;
  uwsgi_temp_path {temp}/u; scgi_temp_path {temp}/s;
  server {{
    listen 127.0.0.1:{port}{tls};
    root {root};
    limit_rate {rate};
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """One nginx process; `rate` is bytes/s of a connection, 0 is no limit."""

    tls: bool = False
    rate: int = 0

    @property
    def missing(self) -> str:
        """Name what is not installed, or nothing."""
        wanted = ("nginx", "openssl") if self.tls else ("nginx",)
        return ", ".join(name for name in wanted if find(name) is None)

    @contextmanager
    def serve(self, root: Path, temp: Path) -> Iterator[str]:
        """Serve a directory and yield its address."""
        port = free_port()
        tls = ""
        if self.tls:
            key, certificate = make_certificate(temp)
            tls = f" ssl; ssl_certificate {certificate}; ssl_certificate_key {key}"
        config = temp / "nginx.conf"
        config.write_text(_CONFIG.format(temp=temp, port=port, tls=tls, root=root, rate=self.rate))
        command = [str(find("nginx")), "-c", str(config), "-p", str(temp), "-e", str(temp / "e")]
        with running(command) as process:
            wait_for(port, process)
            yield f"{'https' if self.tls else 'http'}://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class Raw:
    """Our own server, for what nginx does not do exactly."""

    manner: Manner
    missing = ""

    @contextmanager
    def serve(self, root: Path, temp: Path) -> Iterator[str]:
        """Serve a directory and yield its address."""
        command = [sys.executable, "-m", "tests.bench.raw", str(root), *self.manner.arguments()]
        with running(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"


def find(name: str) -> str | None:
    """Return where a program is; servers are often outside a person's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def make_certificate(temp: Path) -> tuple[Path, Path]:
    """Return a key and a certificate for localhost that is its own authority."""
    key, certificate = temp / "key.pem", temp / "cert.pem"
    if not certificate.exists():
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj"),
                *("/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", str(key), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
    return key, certificate


@contextmanager
def running(command: list[str], **options: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the context lasts."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once a process listens on a port."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("the server does not come up")
