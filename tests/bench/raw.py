"""A server for one case, in a process of its own: exact rates, slow connections, latency.

`python -m tests.bench.raw ROOT [--rate B] [--slow-every N --slow-rate B] [--latency S]` prints its
port. A rate is bytes/s of one connection and follows the clock without bursts, so that size divided
by the sum of the rates is a true ideal.
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
from dataclasses import dataclass
from pathlib import Path

_STEP = 0.02
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Manner:
    """How the server behaves; a rate of 0 is none."""

    rate: int = 0
    slow_every: int = 0
    slow_rate: int = 0
    latency: float = 0.0

    def rate_of(self, connection: int) -> int:
        """Return the bytes/s of a connection, counted from 1."""
        slow = self.slow_every and connection % self.slow_every == 0
        return self.slow_rate if slow else self.rate

    def arguments(self) -> list[str]:
        """Return the command line that says the same."""
        return [
            *("--rate", str(self.rate), "--slow-every", str(self.slow_every)),
            *("--slow-rate", str(self.slow_rate), "--latency", str(self.latency)),
        ]


class Server:
    """Serves the files of a directory, with ranges and kept connections."""

    def __init__(self, root: Path, manner: Manner) -> None:
        self._root = root
        self._manner = manner
        self._connections = 0
        self._files: dict[str, mmap.mmap] = {}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        self._connections += 1
        rate = self._manner.rate_of(self._connections)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(self._manner.latency)
                await self._answer(head.decode("latin-1"), writer, rate)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter, rate: int) -> None:
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (h.partition(": ") for h in lines)}
        method, path, _ = first.split(" ")
        content = self._content(path.strip("/"))
        start, end = 0, len(content)
        status = "200 OK"
        if asked := headers.get("range"):
            low, _, high = asked.removeprefix("bytes=").partition("-")
            start, end = int(low), min(end, int(high or end) + 1)
            status = "206 Partial Content"
        answer = [
            f"HTTP/1.1 {status}",
            'ETag: "1"',
            "Accept-Ranges: bytes",
            f"Content-Length: {end - start}",
        ]
        if asked:
            answer.append(f"Content-Range: bytes {start}-{end - 1}/{len(content)}")
        writer.write("\r\n".join((*answer, "\r\n")).encode())
        if method != "HEAD":
            await _send(memoryview(content)[start:end], writer, rate)

    def _content(self, name: str) -> mmap.mmap:
        if name not in self._files:
            with (self._root / name).open("rb") as file:
                self._files[name] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._files[name]


async def _send(body: memoryview, writer: asyncio.StreamWriter, rate: int) -> None:
    now = asyncio.get_running_loop().time
    began, sent = now(), 0
    while sent < len(body):
        due = sent + _PIECE
        if rate:
            await asyncio.sleep(_STEP)
            due = int((now() - began) * rate)
        writer.write(body[sent:due])
        sent = min(due, len(body))
        await writer.drain()


async def _serve(root: Path, manner: Manner) -> None:
    server = await asyncio.start_server(
        Server(root, manner).connected, "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--slow-every", type=int, default=0)
    parser.add_argument("--slow-rate", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    args = vars(parser.parse_args())
    asyncio.run(_serve(args.pop("root"), Manner(**args)))


if __name__ == "__main__":
    main()
