"""Web servers as people run them, each showing a directory: real ones, on ports of their own."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.bench.servers import find, free_port, running, wait_for

Serve = Callable[[Path, Path], AbstractContextManager[str]]

_NGINX = """\
daemon off; master_process off; pid {temp}/pid; error_log {temp}/error.log; events {{ }}
http {{
  access_log {temp}/access.log; client_body_temp_path {temp}/b; proxy_temp_path {temp}/p;
  fastcgi_temp_path {temp}/f; uwsgi_temp_path {temp}/u; scgi_temp_path {temp}/s;
  server {{ listen 127.0.0.1:{port}; root {root}; autoindex on; autoindex_exact_size {exact}; }}
}}
"""
_APACHE = """\
ServerRoot {temp}
ServerName localhost
PidFile {temp}/pid
ErrorLog {temp}/error.log
Mutex file:{temp}
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule autoindex_module {modules}/mod_autoindex.so
DocumentRoot {root}
IndexOptions {options}
<Directory {root}>
Require all granted
Options +Indexes +FollowSymLinks
</Directory>
"""
_LIGHTTPD = """\
server.document-root = "{root}"
server.port = {port}
server.bind = "127.0.0.1"
server.modules = ("mod_dirlisting")
dir-listing.activate = "enable"
"""


@contextmanager
def _served(command: list[str], port: int) -> Iterator[str]:
    """Run a server that is installed, and yield its address."""
    program = find(command[0])
    assert program is not None, f"{command[0]} is not installed: .ci/run installs it"
    with running([program, *command[1:]]) as process:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx(root: Path, temp: Path, *, exact: bool = True) -> Iterator[str]:
    """Serve with autoindex."""
    port, config = free_port(), temp / "nginx.conf"
    text = _NGINX.format(temp=temp, port=port, root=root, exact="on" if exact else "off")
    config.write_text(text)
    with _served(["nginx", "-c", str(config), "-p", str(temp), "-e", str(temp / "e")], port) as url:
        yield url


@contextmanager
def apache(root: Path, temp: Path, *, options: str = "FancyIndexing") -> Iterator[str]:
    """Serve with mod_autoindex."""
    modules = next(Path("/usr/lib").glob("*/modules/mod_autoindex.so")).parent
    port, config = free_port(), temp / "apache.conf"
    config.write_text(
        _APACHE.format(temp=temp, port=port, root=root, modules=modules, options=options)
    )
    with _served(["apache2", "-X", "-f", str(config)], port) as url:
        yield url


@contextmanager
def lighttpd(root: Path, temp: Path) -> Iterator[str]:
    """Serve with mod_dirlisting."""
    port, config = free_port(), temp / "lighttpd.conf"
    config.write_text(_LIGHTTPD.format(port=port, root=root))
    with _served(["lighttpd", "-D", "-f", str(config)], port) as url:
        yield url


@contextmanager
def caddy(root: Path, temp: Path) -> Iterator[str]:
    """Serve with file_server browse."""
    port = free_port()
    listen = ["--listen", f"127.0.0.1:{port}", "--root", str(root)]
    with _served(["caddy", "file-server", "--browse", *listen], port) as url:
        yield url


@contextmanager
def python(root: Path, temp: Path) -> Iterator[str]:
    """Serve with `python -m http.server`."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (its name)
            pass

    handler = functools.partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


SERVERS: dict[str, Serve] = {
    "nginx": nginx,
    "nginx, rounded sizes": functools.partial(nginx, exact=False),
    "apache, fancy": apache,
    "apache, table": functools.partial(apache, options="FancyIndexing HTMLTable"),
    "apache, plain": functools.partial(apache, options="-FancyIndexing"),
    "lighttpd": lighttpd,
    "caddy": caddy,
    "python": python,
}
