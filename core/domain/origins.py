"""What the source of a file says of it beside its address: size, version, digests of its pieces."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.value import Value, field


class PieceHashes(Value, frozen=True, kw_only=True, gc=False):
    """Digests of the stretches of a file, each `length` bytes but the last (RFC 5854, 4.2.6)."""

    algorithm: str
    length: int
    hexdigests: tuple[str, ...]


class SourceVersion(Value, frozen=True, kw_only=True, gc=False):
    """Which version of a file its source speaks of, as far as it says.

    `etag` is a validator with its quotes, never a digest; `modified` is RFC 3339 or an HTTP date,
    as the source writes it; `version` is a store's id of the version.
    """

    etag: str | None = None
    modified: str | None = None
    version: str | None = None


class Origin(Value, frozen=True, kw_only=True, gc=False):
    """What the source of a collection, or of a signed address, said of a file.

    `options` are what signing its address takes; no secret is among them.
    """

    size: int | None = None
    version: SourceVersion | None = None
    pieces: PieceHashes | None = None
    options: Mapping[str, str] = field(default_factory=dict)
