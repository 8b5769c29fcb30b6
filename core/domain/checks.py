"""Whether URLs, names and headers can be meant at all: one set of rules for front ends and engine.

What a front end says while somebody types is then what the engine would say afterwards. Secrets are
not repeated: of a URL only what may be shown, of a header only its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from core.domain.bounds import MAX_TEXT, MAX_URL, cut
from core.domain.errors import UsageError
from core.domain.names import MAX_NAME_BYTES, is_unsafe, safe_name
from core.domain.redact import redact_url
from core.domain.stores import is_store, redact_store, split_store

OWN_HEADERS = frozenset(
    {"range", "if-range", "accept-encoding", "host", "content-length", "transfer-encoding"}
)
"""Headers that winch sets by itself, in lower case."""

_SHOWN = 200
_LONGEST_SHORT = 2000
# Without a port or a path it may as well be a file: list.txt.
_SHORT = re.compile(
    r"(?://)?(?P<rest>(?P<host>localhost|[\w-]+(?:\.[\w-]+)+)(?::\d{1,5}|(?=/))(?:[/?#][^\s@]*)?)"
)
_HERE = re.compile(r"localhost|\d+(?:\.\d+){3}")
# What most addresses are; the rules below say the same of it, and take their time.
_PLAIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?(?:/[!-~]*)?")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_STORE_WORDS = {
    "profile": re.compile(r"[\w.@+=,-][\w .@+=,/:-]{0,127}", re.ASCII),
    "region": re.compile(r"[a-z0-9][a-z0-9-]{0,40}"),
    "anonymous": re.compile("true"),
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2


NOT_FETCHED = frozenset(
    {
        *("about", "blob", "data", "file", "ftp", "ftps", "gopher", "javascript", "magnet"),
        *("mailto", "urn", "ws"),
    }
)
"""Schemes that nothing of winch fetches; of all others but its own a package may."""


def check_url(url: str) -> None:
    """Raise UsageError unless this is an address that winch can fetch, or a package beside it.

    Which packages there are, who runs downloads knows.
    """
    if len(url) > MAX_URL:
        raise UsageError(
            f"a URL of {len(url):,} characters is too long", hint=f"{MAX_URL:,} are allowed"
        )
    if _PLAIN.fullmatch(url):
        return
    if _SURROGATES.search(url):
        raise UsageError("the URL is not UTF-8 text")
    if is_store(url):
        _check_store(url)
        return
    if _UNPRINTABLE.search(url):
        raise UsageError(
            f"'{_shown(url)}' is not a URL: it holds a space or a control character",
            hint="write a space as %20",
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"'{_shown(url)}' is not a URL", hint="check its host and port") from None
    if not parts.scheme or ("://" not in url and parts.scheme != "magnet"):
        raise UsageError(f"'{_shown(url)}' is not a URL", hint=in_full(url))
    if parts.scheme in NOT_FETCHED:
        raise not_fetched(parts.scheme)
    if not host:
        raise UsageError(
            f"'{_shown(url)}' names no host", hint="write it in full: https://host/path"
        )


def not_fetched(scheme: str) -> UsageError:
    """Return the error for an address whose scheme nobody here knows."""
    return UsageError(
        f"winch does not fetch {cut(scheme, 40)}: addresses",
        hint="give an http or https address, or one of a store: s3://bucket/key",
    )


def _check_store(url: str) -> None:
    """Raise UsageError unless this is the address of an object, whose key stands there as it is."""
    if _CONTROLS.search(url):
        raise UsageError(f"'{_shown(url)}' holds a control character")
    address = split_store(url)
    if not address.is_sound:
        raise UsageError(
            f"'{_shown(url)}' names no bucket that there can be", hint="write s3://bucket/key"
        )
    if redact_store(url) != url:
        raise UsageError(
            f"'{_shown(url)}' holds a signature", hint="give the https address that is signed"
        )
    if address.names_many:
        raise UsageError(
            f"'{_shown(url)}' is no single file",
            hint=f"winch add --collection NAME '{_shown(url)}' fetches all that is below it",
        )


def check_store_options(options: Mapping[str, str]) -> None:
    """Raise UsageError for what cannot be meant of who asks a store, and where that is."""
    for name, pattern in _STORE_WORDS.items():
        if (text := options.get(name)) is not None and not pattern.fullmatch(text):
            raise UsageError(f"'{cut(text, 80)}' is no {name}")
    if (endpoint := options.get("endpoint_url")) is not None:
        check_url(endpoint)
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
            raise UsageError(
                f"'{_shown(endpoint)}' is no endpoint of a store",
                hint="write https://host:port, with no login in it",
            )


def in_full(text: str) -> str:
    """Return how to write what is no URL: the address that it may be short for, if it is one."""
    match = _SHORT.fullmatch(text) if len(text) <= _LONGEST_SHORT else None
    if match is None:
        return "write it in full: https://host/path"
    scheme = "http" if _HERE.fullmatch(match["host"]) else "https"
    return "write it in full: " + _shown(f"{scheme}://{match['rest']}")


def check_name(name: str) -> None:
    """Raise UsageError unless a file can safely have this name."""
    if len(name) > MAX_TEXT:
        raise UsageError(f"a name of {len(name):,} characters is too long")
    if _SURROGATES.search(name):
        raise UsageError("the name is not UTF-8 text")
    if safe_name(name) != name:
        raise UsageError(
            f"'{name[:80]}' is no safe file name",
            hint=f"a name has no '/', no control characters and at most {MAX_NAME_BYTES} bytes",
        )


def check_component(name: str) -> None:
    """Raise UsageError unless a file or directory can have this name, as its source gave it.

    Of names that a data set gives, only what cannot be stored or deceives the eye is refused: one
    that is awkward to type or elsewhere reserved is what the others of the set refer to.
    """
    if name in ("", ".", ".."):
        raise UsageError(f"'{name}' is no name of a file" if name else "a name is empty")
    if "/" in name:
        raise UsageError(f"'{cut(name, 80)}' holds a '/', which no name of a file has")
    if is_unsafe(name):
        raise UsageError("a name holds a control character or one that cannot be seen")
    if _SURROGATES.search(name):
        raise UsageError("a name is not UTF-8 text")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise UsageError(
            f"a name of {len(name.encode()):,} bytes is too long",
            hint=f"a name has at most {MAX_NAME_BYTES} bytes",
        )


def check_collection_name(name: str) -> None:
    """Raise UsageError unless a collection can be called this."""
    check_component(name)
    if name.strip() != name or name[0] in "-~.":
        raise UsageError(
            f"a collection cannot be called '{cut(name, 80)}'",
            hint="its name begins with a letter, a digit or another plain character",
        )
    if ":" in name or name.startswith("!"):
        raise UsageError(
            f"a collection cannot be called '{cut(name, 80)}'",
            hint="where a name may stand, ':' and a leading '!' make a filter",
        )


def check_path(path: str, what: str) -> None:
    """Raise UsageError unless this can be the path of something, wherever the reader works."""
    _check_text(path, what)
    if not path.startswith("/"):
        raise UsageError(f"{what} '{cut(path, 80)}' is no absolute path", hint="it begins with a /")


def check_group(group: str) -> None:
    """Raise UsageError unless a group can be called this."""
    _check_text(group, "the group's name")


def check_header(name: str, value: str) -> None:
    """Raise UsageError unless this header can be sent and is not winch's own to set."""
    if len(name) + len(value) > MAX_TEXT:
        raise UsageError(f"a header of {len(name) + len(value):,} characters is too long")
    if not _TOKEN.fullmatch(name):
        # What stands there for a name may be half of a secret.
        raise UsageError("a header has no valid name", hint="write 'Name: value'")
    if _CONTROLS.search(value):
        raise UsageError(f"the value of the header {cut(name, 80)} holds a control character")
    if _SURROGATES.search(value):
        raise UsageError(f"the value of the header {cut(name, 80)} is not UTF-8 text")
    if name.lower() in OWN_HEADERS:
        raise UsageError(f"the header {name} is winch's own to set", hint="leave it out")


def _check_text(text: str, what: str) -> None:
    if _SURROGATES.search(text):
        raise UsageError(f"{what} is not UTF-8 text")
    if _CONTROLS.search(text):
        raise UsageError(f"{what} holds control characters")


def _shown(url: str) -> str:
    return redact_url(url)[:_SHOWN]
