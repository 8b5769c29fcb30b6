"""aria2p's screen on the work of winch's: as many downloads of a real aria2c, as many in its queue.

Their rates hardly move, so that it has less to draw than winch. `pip install 'aria2p[tui]'` brings
the screen.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.raw import Manner
from tests.bench.servers import Raw, find, free_port, running, wait_for
from tests.bench.terminal import SIZE, over_time
from tests.pty import Pty

_RATE = 250_000
_SIZE = 64 * 1024**2
_SECRET = "bench"
_EXEC = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def missing() -> str:
    """Name what is not installed, or nothing."""
    return ", ".join(name for name in ("aria2c", "aria2p") if find(name) is None)


def measure(moving: int, queued: int, directory: str) -> list[float]:
    """Return kB/s to the terminal and processor in percent."""
    with tempfile.TemporaryDirectory(prefix="wb", dir=directory) as place:
        scratch = Path(place)
        names = [f"set-{number:06}.tar.zst" for number in range(moving + queued)]
        files = scratch / "files"
        files.mkdir()
        for name in names[:moving]:
            with (files / name).open("wb") as file:
                file.truncate(_SIZE)
        with Raw(Manner(rate=_RATE)).serve(files, scratch) as url:
            listed = scratch / "urls.txt"
            listed.write_text("".join(f"{url}/{name}\n" for name in names))
            port = free_port()
            command = ["aria2c", "--no-conf", "-q", "--file-allocation=none", f"-j{moving}"]
            command += ["-x1", "-s1", "-d", str(scratch / "got"), "-i", str(listed)]
            command += ["--enable-rpc", f"--rpc-listen-port={port}", f"--rpc-secret={_SECRET}"]
            with running(command) as process:
                wait_for(port, process)
                return _watch(port, place)


def _watch(port: int, home: str) -> list[float]:
    command = (str(find("aria2p")), "-p", str(port), "-s", _SECRET, "top")
    with Pty("-c", _EXEC, *command, size=SIZE, HOME=home, PYTHONPATH="") as pty:
        pty.read_until("set-000000")
        return over_time(pty)
