"""A daemon whose queue is held, so that nothing but commands is done, and a long list for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.tools import Job, ask

COUNT = 100_000
LONG_LIST = tuple(f"http://127.0.0.1:9/set/file{number:06}.tar" for number in range(COUNT))


@contextmanager
def held_daemon(directory: str, urls: tuple[str, ...] = ()) -> Iterator[Job]:
    """Run it while the context lasts, its state below a directory; yield what it could be given."""
    with tempfile.TemporaryDirectory(prefix="wb", dir=directory) as place:
        scratch = Path(place)
        job = Job(urls, scratch / "got", scratch, connections=1, parallel=1, timeout=60.0)
        job.directory.mkdir()
        env = job.environment()
        try:
            ask("daemon", "start", env=env)
            ask("pause", "--queue", env=env)
            yield job
        finally:
            ask("daemon", "stop", env=env)
