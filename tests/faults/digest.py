"""The server's side of a Digest login (RFC 7616), reckoned without winch's own sums."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.model import Request, Status

USER, PASSWORD = "me", "hunter2"
_WORD = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]+))')


@dataclass(kw_only=True)
class Gate:
    """Lets in who proves the password, and asks everybody else; to be used as `File.statuses`.

    A nonce is good for `uses` requests, each of which must carry a count of its own.
    """

    algorithm: str | None = "SHA-256"
    qop: str | None = "auth"
    realm: str = "files"
    uses: int = 1_000
    says_stale: bool = True
    also: str = ""
    secret: str = PASSWORD
    seen: Counter[str] = field(default_factory=Counter)
    counted: set[tuple[str, str]] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __call__(self, request: Request) -> Status:
        """Return the status for a request."""
        given = request.headers.get("authorization", "")
        if not given.startswith("Digest "):
            return self._ask()
        words = {name: quoted or bare for name, quoted, bare in _WORD.findall(given)}
        if words["response"] != self._response(words, request) or words["username"] != USER:
            return self._ask()
        nonce, count = words["nonce"], words.get("nc")
        if nonce not in self.seen or self.seen[nonce] >= self.uses:
            return self._ask(stale=self.says_stale)
        self.seen[nonce] += 1
        if count is not None:
            assert (nonce, count) not in self.counted, "two requests with one count"
            self.counted.add((nonce, count))
        return 200

    def _ask(self, *, stale: bool = False) -> Status:
        nonce = f"n{next(self._numbers)}/=="
        self.seen[nonce] = 0
        words = [f'realm="{self.realm}"', f'nonce="{nonce}"', 'opaque="o,p"']
        words += [f"algorithm={self.algorithm}"] if self.algorithm else []
        words += [f'qop="{self.qop}"'] if self.qop else []
        words += ["stale=true"] if stale else []
        return 401, {"WWW-Authenticate": f"{self.also}Digest {', '.join(words)}"}

    def _response(self, words: dict[str, str], request: Request) -> str:
        assert words["uri"] == request.target
        hasher = hashlib.sha256 if "256" in (self.algorithm or "") else hashlib.md5

        def h(text: str) -> str:
            return hasher(text.encode("utf-8", "surrogateescape")).hexdigest()

        a1 = h(f"{USER}:{self.realm}:{self.secret}")
        if (self.algorithm or "").endswith("-sess"):
            a1 = h(f"{a1}:{words['nonce']}:{words['cnonce']}")
        a2 = h(f"{request.method}:{request.target}")
        if self.qop is None:
            return h(f"{a1}:{words['nonce']}:{a2}")
        return h(f"{a1}:{words['nonce']}:{words['nc']}:{words['cnonce']}:{words['qop']}:{a2}")
