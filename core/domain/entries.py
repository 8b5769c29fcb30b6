"""What a source names: files to fetch, by path and address, and what of it cannot be fetched."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.models import Checksum
from core.domain.origins import PieceHashes, SourceVersion
from core.domain.value import Value, field


class SourceSpec(Value, frozen=True, kw_only=True, gc=False):
    """Which source, and how to read it.

    `kind` is the name of a source in the registry: `list`, `manifest`, `store`, `index`, or one of
    a package. `address` is an absolute path, a URL, `s3://bucket/prefix/`, or `-` for what somebody
    had on stdin, which nobody can read again. `base` is where relative addresses in it begin.
    `format` None recognises that by the content. `include` and `exclude` are globs on paths below
    the destination; `depth` is how many pages deep an index is followed (None: all of them).
    `options` are the words of its kind, such as profile, anonymous, endpoint_url and region; no
    secret is among them.
    """

    kind: str
    address: str
    base: str | None = None
    format: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    depth: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


class Entry(Value, frozen=True, kw_only=True, gc=False):
    """One file that a source names.

    `path` is relative to the destination and not checked yet; None lets the server and the URL
    decide its name. `where` is its place in the source, such as `line 12`. `headers`, `priority`
    and `checksum` are None and empty where the source says nothing. `options` are what signing its
    address takes, as in a `SourceSpec`.
    """

    url: str
    path: str | None = None
    size: int | None = None
    checksum: Checksum | None = None
    mirrors: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    priority: int | None = None
    version: SourceVersion | None = None
    pieces: PieceHashes | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    where: str = ""


class Refused(Value, frozen=True, kw_only=True, gc=False):
    """What a source names and winch does not fetch: where it stands, and why in a sentence.

    `code` is one of `ErrorCode`. Text from the source is cut, not cleaned: who shows it does that.
    `doubtful` tells that it may be a file which is a member: when it was refused for the first time
    there were members that nothing named.
    """

    where: str
    reason: str
    code: str = "usage"
    doubtful: bool = False
