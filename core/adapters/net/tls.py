"""Whom connections over TLS trust: what the system trusts, read when somebody is first asked so.

Reading the system's certificates takes longer than a small download, and a plain one needs none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def certificates_unread() -> Iterator[None]:
    """Have no context read certificates: for imports of libraries that make some in advance.

    Such a context trusts nobody: if one were used after all, it would refuse every server.
    """
    # Set on Python's own class, in front of the method that it has from the one below it.
    ssl.SSLContext.set_default_verify_paths = _read_none  # type: ignore[method-assign]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths


def _read_none(self: ssl.SSLContext) -> None:
    pass


class Trust:
    """The context of all connections over TLS; `given` stands in for what the system trusts."""

    def __init__(self, given: ssl.SSLContext | None = None) -> None:
        self._context = given
        self._reading = asyncio.Lock()

    async def context(self) -> ssl.SSLContext:
        """Return the context, the same one each time: connections are told apart by it too."""
        if self._context is None:
            async with self._reading:
                if self._context is None:
                    self._context = await asyncio.to_thread(_system_context)
        return self._context


def _system_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
