"""A Python that has winch loaded already, for tests that start many processes of it.

Of the third of a second that a `winch ls` takes, loading its modules takes nearly all; a daemon
takes twice that. `warm_python()` names an executable that is called as Python is and starts a
process of its own, with its own environment, directory, open files and exit status: a fork of a
server that has loaded the modules once (`server.py`), reached by a small client (`client.py`).
Daemons that such a process starts begin warm as well. What loading does is proved by tests that
start the real one (test_main.py, test_launcher.py, test_client.py, and all that runs on a
terminal).
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).parent


@functools.cache
def warm_python() -> str:
    """Return what to start instead of Python; Python itself where forks of it cannot be waited for.

    The server ends with this process.
    """
    if not hasattr(os, "pidfd_open"):
        return sys.executable
    directory = Path(tempfile.mkdtemp(prefix="warm-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    executable, address = directory / "python", directory / "socket"
    client = f"'{sys.executable}' -IS '{_HERE / 'client.py'}' '{address}' '{sys.executable}'"
    executable.write_text(f'#!/bin/sh\nexec {client} "$@"\n')
    executable.chmod(0o700)
    server = subprocess.Popen(
        [sys.executable, "-P", str(_HERE / "server.py"), str(address), str(executable)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(server.communicate)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return str(executable)
