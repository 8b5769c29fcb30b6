"""What a server asks for to know who is there, and the answer (RFC 9110 section 11, RFC 7616).

aiohttp's own Digest middleware reads the first challenge only, prefers auth-int, and knows neither
`userhash` nor several connections that share a nonce; so the reading and the sums are done here.
Challenges are written by strangers: every function is linear in them and cuts before it looks.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final
from urllib.parse import quote

from core.domain.value import Value

_MAX_CHARACTERS: Final = 4096
"""Characters of a field that are read."""
_MAX_CHALLENGES: Final = 8
"""Fields that are read, and challenges in all of them."""

# Separators, a quoted string, a token or `=`: each takes at least one character, and no text can be
# read in two ways, so that nothing is ever tried twice.
_STEP = re.compile(r'[\s,]+|"((?:[^"\\]|\\.)*)["\\]?|([^\s,="]+)|=', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")
_HASHES: Final = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
"""The algorithms, the strongest first (RFC 7616 section 3.2), and what hashlib calls them."""


class Challenge(Value, frozen=True):
    """One way to log in that a server offers; scheme and parameters' names are lower case."""

    scheme: str
    parameters: Mapping[str, str]


class Digest(Value, frozen=True, kw_only=True):
    """A challenge that can be answered without sending the password (RFC 7616 section 3.3).

    `algorithm` is what the server wrote, None where it wrote none and MD5 is meant. `qop` tells
    that requests are counted; `stale` that only the nonce was too old, and not the answer wrong.
    """

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str | None
    qop: bool
    stale: bool
    userhash: bool
    utf8: bool

    @property
    def strength(self) -> tuple[int, bool]:
        """What to prefer among several: the better hash, then the counted one."""
        return -list(_HASHES).index(self.hash), self.qop

    @property
    def hash(self) -> str:
        """The algorithm's name without `-sess`, in capitals."""
        return (self.algorithm or "MD5").upper().removesuffix("-SESS")

    @property
    def is_session(self) -> bool:
        """Whether the client's own nonce goes into the hash of the password too."""
        return (self.algorithm or "").upper().endswith("-SESS")


class Offer(Value, frozen=True):
    """What a refusal offers: the best Digest, whether Basic, and the rest in words.

    `clear` tells that a password may be sent as it is: nothing was offered to spare it that.
    """

    digest: Digest | None
    basic: bool
    clear: bool
    realm: str
    others: str


class SentLogin(Enum):
    """What of a person's login went out with the request that was refused."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105 (a kind, and no password)
    TOKEN = "token"  # noqa: S105
    ELSEWHERE = "elsewhere"
    """There is one, and it is for the address that led to this one."""


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """Read WWW-Authenticate fields, each of which may hold several challenges.

    A token with `=` behind it is a parameter, any other begins a challenge.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for field in itertools.islice(fields, _MAX_CHALLENGES):
        steps = [m for m in _STEP.finditer(field[:_MAX_CHARACTERS]) if m[0].strip(" \t,")]
        steps.reverse()
        while steps:
            token = (steps.pop()[2] or "").lower()
            if not steps or steps[-1][0] != "=":
                if token and len(found) < _MAX_CHALLENGES:
                    found.append((token, {}))
                continue
            steps.pop()
            value = steps.pop() if steps and steps[-1][0] != "=" else None
            if token and found and value is not None:
                text = value[2] if value[1] is None else _ESCAPED.sub(r"\1", value[1])
                found[-1][1].setdefault(token, text)
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def read_offer(fields: Iterable[str]) -> Offer:
    """Return what the WWW-Authenticate fields of a refusal offer."""
    challenges = parse_challenges(fields)
    schemes = {challenge.scheme for challenge in challenges}
    digests: list[Digest] = []
    others: dict[str, None] = {}
    for challenge in challenges:
        if challenge.scheme == "digest" and (digest := _digest(challenge.parameters)):
            digests.append(digest)
        elif challenge.scheme != "basic":
            others[_in_words(challenge)] = None
    return Offer(
        digest=max(digests, key=lambda digest: digest.strength, default=None),
        basic="basic" in schemes,
        clear="digest" not in schemes,
        realm=next(
            (_shown(c.parameters["realm"]) for c in challenges if "realm" in c.parameters), ""
        ),
        others=_shown(", ".join(others)),
    )


def answer(digest: Digest, login: tuple[str, str], *, uri: str, count: int, cnonce: str) -> str:
    """Return the Authorization of a GET for `uri`, which is the target as it is sent.

    `count` is how many requests have used the nonce, this one included: no two may share it.
    `cnonce` is a text that nobody can guess. What is no UTF-8 in the challenge goes back byte for
    byte, as surrogates.
    """
    user, password = login

    def hashed(*parts: str) -> str:
        hasher = hashlib.new(_HASHES[digest.hash], usedforsecurity=False)
        hasher.update(":".join(parts).encode("utf-8", "surrogateescape"))
        return hasher.hexdigest()

    secret = hashed(user, digest.realm, password)
    if digest.is_session:
        secret = hashed(secret, digest.nonce, cnonce)
    counted = (f"{count:08x}", cnonce, "auth") if digest.qop else ()
    response = hashed(secret, digest.nonce, *counted, hashed("GET", uri))
    if digest.userhash:
        name = f"username={_quoted(hashed(user, digest.realm))}"
    elif digest.utf8 and not user.isascii():
        name = f"username*=UTF-8''{quote(user, safe='')}"
    else:
        name = f"username={_quoted(user)}"
    words = [name, f"realm={_quoted(digest.realm)}", f"nonce={_quoted(digest.nonce)}"]
    words += [f"uri={_quoted(uri)}", f'response="{response}"']
    if digest.algorithm is not None:
        words.append(f"algorithm={digest.algorithm}")
    if digest.opaque is not None:
        words.append(f"opaque={_quoted(digest.opaque)}")
    if digest.qop:
        words += ["qop=auth", f"nc={count:08x}"]
    if digest.qop or digest.is_session:
        words.append(f'cnonce="{cnonce}"')
    if digest.userhash:
        words.append("userhash=true")
    return "Digest " + ", ".join(words)


def refusal(field: str, login: SentLogin) -> tuple[str, str]:
    """Return what to say of a 401 with this WWW-Authenticate, and what to do next."""
    offer = read_offer([field])
    realm = f' for "{offer.realm}"' if offer.realm else ""
    if login is SentLogin.TOKEN:
        return (
            f"the server refused the login{realm} (401)",
            "the token may have expired: ask again with a new one",
        )
    if offer.others and offer.digest is None and not (offer.basic and offer.clear):
        return (
            f"the server asks for a login that winch cannot do ({offer.others})",
            "a token or a browser's cookies may do: --bearer, --cookies",
        )
    if login is SentLogin.PASSWORD:
        return (
            f"the server refused the name and password{realm} (401)",
            "check them where they stand (--user, the address or ~/.netrc), then ask again",
        )
    message = "the server answered 401 (unauthorized)"
    if login is SentLogin.ELSEWHERE:
        return (
            message,
            "the login was given for the server that led here: one for this host fits in ~/.netrc",
        )
    return message, "give credentials with --user or --bearer, or put them into ~/.netrc"


def next_nonce(field: str) -> str | None:
    """Return the nonce that an Authentication-Info orders for what is asked next, if any."""
    challenges = parse_challenges([f"info {field}"])
    nonce = challenges[0].parameters.get("nextnonce") if challenges else None
    return nonce if nonce and not _UNSENDABLE.search(nonce) else None


def _digest(given: Mapping[str, str]) -> Digest | None:
    """Return a Digest challenge, None for one that cannot be answered."""
    realm, nonce = given.get("realm"), given.get("nonce")
    qop = {word.strip().lower() for word in given.get("qop", "").split(",")} - {""}
    if realm is None or not nonce or (qop and "auth" not in qop):
        return None
    opaque = given.get("opaque")
    if any(_UNSENDABLE.search(text) for text in (realm, nonce, opaque or "")):
        return None
    digest = Digest(
        realm=realm,
        nonce=nonce,
        opaque=opaque,
        algorithm=given.get("algorithm"),
        qop=bool(qop),
        stale=given.get("stale", "").lower() == "true",
        userhash=given.get("userhash", "").lower() == "true",
        utf8=given.get("charset", "").lower() == "utf-8",
    )
    return digest if _HASHES.get(digest.hash) in hashlib.algorithms_available else None


def _in_words(challenge: Challenge) -> str:
    """Return how to name a way to log in that winch does not know."""
    words = [challenge.scheme.capitalize()]
    if challenge.scheme == "digest":
        words += [
            f"{name} {challenge.parameters[name]}"
            for name in ("algorithm", "qop")
            if name in challenge.parameters
        ]
    return _shown(" ".join(words))


def _shown(text: str) -> str:
    """Return a stranger's words as they may stand in a sentence."""
    return "".join(c for c in text[:60] if c.isprintable())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
