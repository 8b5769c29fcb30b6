"""How each program is told to fetch the same files over as many connections.

Every program gets what makes it fast (no preallocation, no configuration file, no output), and
each of its runs an empty directory and, for winch, an empty state.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.checkout import BEFORE, using
from tests.bench.measure import FailedError, Usage, cpu_of, memory_of, run
from tests.bench.servers import find


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is to do: these files, `connections` for each, `parallel` files at once."""

    urls: tuple[str, ...]
    directory: Path
    scratch: Path
    connections: int
    parallel: int
    timeout: float
    authority: Path | None = None

    @property
    def list_file(self) -> str:
        """A file with one address in each line."""
        path = self.scratch / "urls.txt"
        path.write_text("".join(f"{url}\n" for url in self.urls))
        return str(path)

    def environment(self) -> dict[str, str]:
        """Return what every program gets; no proxy stands between it and the server."""
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        # As it is installed: compiled once, not at every start.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env |= {
            "WINCH_HOME": str(self.scratch / "winch"),
            "WINCH_LIMITS_ACTIVE": str(self.parallel),
            "WINCH_LIMITS_CONNECTIONS": str(self.connections),
            "WINCH_LIMITS_CONNECTIONS_PER_HOST": str(min(1000, self.connections * self.parallel)),
        }
        if self.authority is not None:
            env["SSL_CERT_FILE"] = str(self.authority)
        return env

    def do(self, command: list[str]) -> Usage:
        """Run a program in this job's surroundings."""
        return run(command, env=self.environment(), cwd=self.scratch, timeout=self.timeout)


def winch(*arguments: str) -> list[str]:
    """Return the command line of a command of winch."""
    script = Path(sys.executable).with_name("winch")
    if script.exists():
        return [str(script), *arguments]
    return [sys.executable, "-P", "-c", "from tui.cli.main import main; main()", *arguments]


def embedded(job: Job) -> Usage:
    """`winch get --embedded`, from cold."""
    return job.do(winch("get", "--embedded", "-q", "-d", str(job.directory), "-i", job.list_file))


def added(job: Job) -> Usage:
    """`winch add` and `winch wait` with a daemon that runs already; its own cost is counted."""
    env = job.environment()
    try:
        ask("daemon", "start", env=env)
        pid = json.loads(ask("daemon", "status", "--json", env=env))["pid"]
        before = cpu_of(pid)
        began = time.monotonic()
        clients = [
            job.do(add_command(job)),
            job.do(winch("wait")),
        ]
        wall = time.monotonic() - began
        after, memory = cpu_of(pid), memory_of(pid)
        cpu = None
        if before is not None and after is not None:
            cpu = after - before + sum(client.cpu or 0.0 for client in clients)
        return Usage(wall, cpu, memory)
    finally:
        ask("daemon", "stop", env=env)


def add_command(job: Job) -> list[str]:
    """Return the command line that adds all of a job to the list of a daemon."""
    return winch("add", "-d", str(job.directory), "-i", job.list_file)


def ask(*arguments: str, env: Mapping[str, str]) -> bytes:
    """Run a command of winch and return what it prints; raises FailedError."""
    done = subprocess.run(winch(*arguments), env=env, check=False, capture_output=True)
    if done.returncode:
        raise FailedError(done.stderr.decode().strip())
    return done.stdout


def aria2c(job: Job) -> Usage:
    """aria2c with stretches as small as it takes."""
    connections = str(min(16, job.connections))
    command = ["aria2c", "--no-conf", "-q", "-k", "1M", "-x", connections, "-s", connections]
    command += ["-j", str(job.parallel), "--file-allocation=none", "-d", str(job.directory)]
    if job.authority is not None:
        command.append(f"--ca-certificate={job.authority}")
    return job.do([*command, "-i", job.list_file])


def curl(job: Job) -> Usage:
    """Curl: one connection for each file."""
    config = job.scratch / "curl.conf"
    config.write_text("".join(f'url = "{url}"\nremote-name\n' for url in job.urls))
    command = ["curl", "-q", "-sSf", "--output-dir", str(job.directory), "-K", str(config)]
    if job.authority is not None:
        command += ["--cacert", str(job.authority)]
    if len(job.urls) > 1:
        command += ["-Z", "--parallel-max", str(job.parallel)]
    return job.do(command)


def wget2(job: Job) -> Usage:
    """wget2 with threads, each with a piece of the file or a file."""
    threads = job.parallel if len(job.urls) > 1 else job.connections
    command = ["wget2", "--no-config", "-q", f"--max-threads={threads}", "-P", str(job.directory)]
    if len(job.urls) == 1:
        command.append("--chunk-size=1M" if threads > 1 else "--chunk-size=0")
    if job.authority is not None:
        command.append(f"--ca-certificate={job.authority}")
    return job.do([*command, "-i", job.list_file])


def axel(job: Job) -> Usage:
    """Axel, which fetches a single file."""
    name = job.directory / job.urls[0].rpartition("/")[2]
    return job.do(["axel", "-q", "-n", str(job.connections), "-o", str(name), job.urls[0]])


@dataclass(frozen=True, slots=True)
class Tool:
    """A line of the table; one without a program of its own is winch."""

    name: str
    program: str
    fetch: Callable[[Job], Usage]

    @property
    def missing(self) -> bool:
        """Whether the program is not installed."""
        return bool(self.program) and find(self.program) is None

    def of(self, checkout: Path) -> Tool:
        """Return the same with the winch of another checkout."""

        def fetch(job: Job) -> Usage:
            with using(checkout):
                return self.fetch(job)

        return Tool(f"{self.name}{BEFORE}", self.program, fetch)


EMBEDDED = Tool("winch get --embedded", "", embedded)
ADDED = Tool("winch add + wait", "", added)
ARIA2C = Tool("aria2c", "aria2c", aria2c)
CURL = Tool("curl", "curl", curl)
WGET2 = Tool("wget2", "wget2", wget2)
AXEL = Tool("axel", "axel", axel)
