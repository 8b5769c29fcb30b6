"""Saying who asks, as each server wants to hear it: Basic, or Digest with nonces that all share.

A name and a password are kept as the Authorization that Basic makes of them, wherever they came
from. Over https they are sent like that. Over http, where everybody on the way can read it, the
first request goes without: a server that asks for Digest never gets to see the password. Only
where nobody asks, and what comes looks like a closed door, it goes along unasked.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from core.domain.login import read_basic
from core.domain.value import replace
from core.policy.transfer.challenges import Digest, SentLogin, answer, next_nonce, read_offer

REMEMBERED: Final = 256
"""Servers whose wish is known at the same time."""
_ANSWERS: Final = 4
"""How often a request may be asked again: nonces that last for one request may race."""


def is_closed_door(status: int, media_type: str) -> bool:
    """Tell whether an answer may be what a server shows to strangers without asking who they are.

    Some never ask: they deny the file, deny that there is one, or send a page to log in at.
    """
    page = media_type.lower().startswith("text/html")
    return status in (403, 404) or (status in (200, 206) and page)


class _Nonce:
    """A Digest challenge in use; each request that answers it has a number of its own."""

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self._uses = 0

    def authorize(self, login: tuple[str, str], target: str) -> str:
        """Return the Authorization of one request."""
        self._uses += 1
        return answer(
            self.digest, login, uri=target, count=self._uses, cnonce=secrets.token_hex(16)
        )


WantedLogins = OrderedDict[tuple[str, str], _Nonce | None]
"""What servers wanted to see, by origin and login, so that it is asked for once; None is Basic."""


class Exchange:
    """One request, sent as often as it takes until the server has seen who asks.

    `target` is what the request line will hold, `headers` are those of the next sending. With
    `unasked` the login goes along also over http before anybody has asked for it.
    """

    def __init__(
        self,
        wanted: WantedLogins,
        url: str,
        target: str,
        headers: Mapping[str, str],
        *,
        unasked: bool,
    ) -> None:
        given = next((v for k, v in headers.items() if k.lower() == "authorization"), "")
        self.headers: Mapping[str, str] = headers
        self._given = given
        self._login = read_basic(given) if given else None
        if self._login is None:
            return
        self._wanted = wanted
        self._target = target
        self._bare = {k: v for k, v in headers.items() if k.lower() != "authorization"}
        parts = urlsplit(url)
        self._key = (f"{parts.scheme}://{parts.netloc}", given)
        self._left = _ANSWERS
        self._fresh = False
        self._nonce = wanted.get(self._key)
        if self._nonce is not None:
            self._show(self._nonce.authorize(self._login, target))
        else:
            withheld = parts.scheme == "http" and self._key not in wanted and not unasked
            self._show(None if withheld else given)

    def again(self, status: int, headers: Mapping[str, str], challenges: Sequence[str]) -> bool:
        """Take an answer in; True where the request is to be sent once more, with other headers."""
        if self._login is None or self._left == 0:
            return False
        self._left -= 1
        if status != 401:
            return self._settled(status, headers)
        offer = read_offer(challenges)
        if offer.digest is not None:
            if self._fresh and not offer.digest.stale:
                return self._refused()
            # Not what others may have put there since: a nonce may be good for one request.
            self._fresh = True
            self._nonce = _Nonce(offer.digest)
            self._remember()
            return self._show(self._nonce.authorize(self._login, self._target))
        if self._shown == self._given or self._fresh or not offer.clear:
            return self._refused()
        self._nonce = None
        return self._show(self._given)

    def _settled(self, status: int, headers: Mapping[str, str]) -> bool:
        if self._shown is None:
            return False
        if self._nonce is None:
            if status < 400:
                self._remember()
        elif nonce := next_nonce(headers.get("Authentication-Info", "")):
            self._nonce = _Nonce(replace(self._nonce.digest, nonce=nonce))
            self._remember()
        return False

    @property
    def withheld(self) -> bool:
        """Whether there is a login that was not shown, because nobody asked for it."""
        return self._login is not None and self._shown is None

    @property
    def login(self) -> SentLogin:
        """What the server was shown, or would have been if it had asked for it."""
        if self._login is not None:
            return SentLogin.PASSWORD
        return SentLogin.TOKEN if self._given else SentLogin.NONE

    @property
    def _shown(self) -> str | None:
        return self.headers.get("Authorization")

    def _show(self, authorization: str | None) -> bool:
        self.headers = self._bare | ({"Authorization": authorization} if authorization else {})
        return True

    def _remember(self) -> None:
        self._wanted[self._key] = self._nonce
        self._wanted.move_to_end(self._key)
        if len(self._wanted) > REMEMBERED:
            self._wanted.popitem(last=False)

    def _refused(self) -> bool:
        if self._wanted.get(self._key) is self._nonce:
            self._wanted.pop(self._key, None)
        return False
