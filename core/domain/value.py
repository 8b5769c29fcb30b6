"""The base of values: what never changes, is compared by what it holds, and is made by the million.

A `msgspec.Struct`, because a dataclass takes forty times as long to define and five times as long
to make: of what a short command took, a fifth went into defining dataclasses. The one file of the
domain that knows msgspec.
"""

from __future__ import annotations

import msgspec
from msgspec import field
from msgspec.structs import asdict, force_setattr, replace

__all__ = ["Value", "asdict", "field", "field_names", "force_setattr", "replace"]


class Value(msgspec.Struct, frozen=True):
    """A value; each class of them says `frozen=True`, and `kw_only=True` where that reads better.

    With `gc=False` the collector passes over it: where it can never be part of a circle, because it
    holds no errors, callbacks or other machinery.
    """


def field_names(kind: type[Value] | Value) -> tuple[str, ...]:
    """Return the names of a value's fields, in their order."""
    return kind.__struct_fields__
