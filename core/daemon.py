"""The composition root: puts engine, stores and socket together and decides when they end.

`main` is the daemon that clients start on demand; `winch daemon run` is the same in the foreground,
and `--embedded` commands use the same composition inside their process. What does whole commands
for short-lived clients is handed in: it stands above.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from core import late_modules
from core.adapters.config import config_file
from core.adapters.net.http import HttpClient
from core.adapters.state.stores import State
from core.adapters.system.clock import Clock
from core.adapters.system.instance_lock import InstanceLock
from core.adapters.system.log_file import logging_to
from core.adapters.system.log_format import is_journal
from core.adapters.system.memory import keep_giving_back
from core.adapters.system.notify import Notifier
from core.adapters.system.paths import Paths
from core.domain.errors import ErrorCode, ErrorInfo, WinchError
from core.domain.settings import Settings
from core.domain.units import rough_size
from core.domain.value import Value
from core.domain.version import VERSION
from core.engine.service import Engine
from core.rpc.codec import Readiness, encode
from core.rpc.command import Commands
from core.rpc.server import RpcServer

T = TypeVar("T")

_log = logging.getLogger("core.daemon")

_NEW_VALUES = 10_000
"""Values after which the garbage collector looks through them; it takes some milliseconds."""
_LOOKS = (5, 2)
"""How many such looks until it goes through what has lasted longer, and of these until through all.

What a connection that failed leaves lies in circles and holds blocks of what it fetched: with ten
and ten, as is usual, that was for many minutes, and a hundred megabytes.
"""

# A daemon that was started for somebody waits at least this long (seconds) for them to come.
_FIRST_CLIENT = 10.0
_FILES_WANTED = 8192
_LOCK_POLL = 1.0
"""Seconds between two looks whether the state directory is free; nothing tells when it is."""
_LOCK_PATIENCE = 30.0
"""Seconds that a service manager is to wait at least after each of them."""


class Running(Value, frozen=True):
    """An engine at work and the socket that it is served on."""

    engine: Engine
    server: RpcServer


@asynccontextmanager
async def running(
    paths: Paths, settings: Settings, *, embedded: bool, commands: Commands | None = None
) -> AsyncIterator[Running]:
    """Own the state directory, run the engine and serve it, until the context ends.

    Raises LockedError when another process owns the state directory, StateError and DaemonError
    when state or socket cannot be used.
    """
    paths.prepare()
    _allow_many_files()
    to_journal = not embedded and is_journal(os.environ)
    with (
        InstanceLock(paths.lock_file),
        logging_to(paths.log_file, settings.log.format, to_journal=to_journal),
    ):
        engine = Engine(
            settings,
            state=State.at(paths.state_dir),
            http=HttpClient(settings.network),
            clock=Clock(),
            embedded=embedded,
        )
        name = f"winch/{VERSION}"
        server = RpcServer(engine, paths.socket, name=name, commands=commands)
        engine.client_count = lambda: server.client_count
        engine.figure_keeper.clients = lambda: server.figures
        engine.environment = config_file.names_in(os.environ)
        engine.read_settings = lambda: config_file.load(paths.config_file, os.environ).settings
        try:
            await engine.start()
            await server.start()
            # What was loaded stays: looking through it again and again would hold up the loop.
            gc.freeze()
            # Nor is it worth a look at every 700 new values: a download makes that many, nearly
            # none of them in circles, and a quarter of the time of very many went there.
            gc.set_threshold(_NEW_VALUES, *_LOOKS)
            _log.info("winch %s serves %s", VERSION, paths.socket)
            giving_back = asyncio.create_task(keep_giving_back(), name="memory")
            try:
                yield Running(engine, server)
            finally:
                giving_back.cancel()
        finally:
            # The socket goes first: nobody is let in to an engine that stops.
            try:
                await server.close()
            finally:
                # While the state is still ours: the next owner makes its own.
                paths.clear()
                await engine.close()
            _log.info("winch ended")


async def run(
    *, linger: bool, on_ready: Callable[[], None], commands: Commands | None = None
) -> None:
    """Be the daemon until a signal, `shutdown`, or, with `linger`, until nothing is left to do.

    One that stays, without `linger`, tells the service manager that started it what goes on, and
    reads its settings again on SIGHUP. Raises what `running` raises, and ConfigError.
    """
    paths = Paths.discover(os.environ)
    notifier = Notifier() if linger else Notifier.of(os.environ)
    if notifier.has_listener:
        # What hangs is ended by SIGABRT, and says then where it hung.
        faulthandler.enable()
        await _until_free(paths, notifier)
    settings = config_file.load(paths.config_file, os.environ).settings
    async with running(paths, settings, embedded=False, commands=commands) as parts:
        engine = parts.engine
        stop = engine.stop_requested
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # The terminal that started the daemon goes away; the downloads stay.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        on_ready()
        loading = asyncio.create_task(late_modules.load(), name="late modules")
        try:
            await (_until_idle(parts) if linger else _until_told(engine, notifier))
        finally:
            loading.cancel()


async def _until_told(engine: Engine, notifier: Notifier) -> None:
    """Return when a stop is asked for; until then tell the service manager, and hear SIGHUP."""
    reload_wanted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload_wanted.set)
    beside = [
        asyncio.create_task(_reload_on(reload_wanted, engine)),
        asyncio.create_task(notifier.keep_telling(partial(_activity, engine))),
    ]
    notifier.tell("READY=1")
    try:
        await engine.stop_requested.wait()
    finally:
        for task in beside:
            task.cancel()
        notifier.tell("STOPPING=1", status="records what is under way")


async def _until_free(paths: Paths, notifier: Notifier) -> None:
    """Wait while another process has the state directory, `winch get --embedded` maybe.

    To fail and be started again every few seconds would cost far more.
    """
    lock = InstanceLock(paths.lock_file)
    while lock.is_held():
        owner = lock.owner()
        who = f"process {owner.pid}" if owner else "another process"
        patience = int(_LOCK_PATIENCE * 1e6)
        notifier.tell(f"EXTEND_TIMEOUT_USEC={patience}", status=f"waits for {who} to end")
        await asyncio.sleep(_LOCK_POLL)


async def _activity(engine: Engine) -> str:
    """Return in a few words what goes on, for whoever asks the service manager."""
    status = await engine.status()
    counts = [f"{count} {state}" for state, count in status.counts.items() if count]
    rate = [f"{rough_size(status.rate)}/s"] if status.rate else []
    return ", ".join([*counts, *rate]) or "nothing to do"


async def _reload_on(wanted: asyncio.Event, engine: Engine) -> None:
    while await wanted.wait():
        wanted.clear()
        try:
            later = await engine.reload()
        except WinchError as error:
            _log.warning("the settings stay as they were: %s", error.message)
        else:
            held = f"; from the next start on: {', '.join(later)}" if later else ""
            _log.info("the settings were read again%s", held)


async def _until_idle(parts: Running) -> None:
    """Return when a stop is asked for, or nobody has wanted anything for so long as is set."""
    engine, server = parts.engine, parts.server
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    engine.on_work_change(changed.set)
    server.on_clients_changed = changed.set
    stopping = asyncio.create_task(engine.stop_requested.wait())
    stopping.add_done_callback(lambda _: changed.set())
    patience, at_least = 0.0, _FIRST_CLIENT
    idle_until: float | None = None
    try:
        while not stopping.done():
            changed.clear()
            if server.client_count:
                at_least = 0.0
            if server.client_count or engine.is_busy:
                idle_until = None
            elif idle_until is None:
                # As it is set by now: a client that was here may have changed it.
                patience = max(engine.settings.daemon.linger, at_least)
                idle_until = loop.time() + patience
            async with asyncio.timeout_at(idle_until):
                await changed.wait()
    except TimeoutError:
        _log.info("nothing to do and nobody there for %g seconds", patience)
    finally:
        stopping.cancel()


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, like `asyncio.run`, on the loop that bytes cost least on.

    uvloop, where there is one for this platform, spends a third less on each.
    """
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        # Takes longer to import than a short command takes.
        import uvloop  # noqa: PLC0415

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def main(argv: list[str] | None = None, *, commands: Commands | None = None) -> int:
    """Run the daemon that a client asked for and return its exit status.

    How it went is said once on `--ready-fd`, for the client that waits there; without it, on
    stderr. `--detach` leaves the client's process group behind.
    """
    parser = argparse.ArgumentParser(prog="winch-daemon", allow_abbrev=False)
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument("--detach", action="store_true")
    args = parser.parse_args(argv)
    if args.detach and os.fork() > 0:
        # The client waits for this process only; the daemon itself is nobody's child.
        os._exit(0)
    if args.ready_fd is not None:
        os.set_inheritable(args.ready_fd, False)

    def report(error: ErrorInfo | None) -> None:
        if args.ready_fd is not None:
            with suppress(OSError):
                os.write(args.ready_fd, encode(Readiness(error=error)))
                os.close(args.ready_fd)
        elif error is not None:
            sys.stderr.write(f"winch: {error.message}\n")

    ready = False

    def on_ready() -> None:
        nonlocal ready
        ready = True
        report(None)

    try:
        run_loop(run(linger=True, on_ready=on_ready, commands=commands))
    except Exception as error:
        info = _describe(error)
        if ready:
            _log.critical("winch ended: %s", info.message, exc_info=error)
        else:
            report(info)
        return 1
    return 0


def _describe(error: Exception) -> ErrorInfo:
    if isinstance(error, WinchError):
        return error.info()
    return ErrorInfo(
        code=ErrorCode.INTERNAL, message=f"the daemon failed: {type(error).__name__}: {error}"
    )


def _allow_many_files() -> None:
    # macOS starts a process with 256; every connection and every part file is one.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
