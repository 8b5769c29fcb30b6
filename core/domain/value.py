"""The base of values: what never changes, is compared by what it holds, and is made by the million.

A `msgspec.Struct`, because a dataclass takes forty times as long to define and five times as long
to make: of what a short command took, a fifth went into defining dataclasses. Whatever asks
`dataclasses` about a value (`replace`, `fields`, `asdict`) gets the answer that a dataclass gives.
The garbage collector passes values by: none can refer to itself.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import field
from msgspec.structs import force_setattr, replace

__all__ = ["Value", "field", "force_setattr", "replace"]


@cache
def _fields_of(kind: type[msgspec.Struct]) -> dict[str, dataclasses.Field[Any]]:
    fields = []
    for each in msgspec.structs.fields(kind):
        options: dict[str, Any] = {}
        if each.default is not msgspec.NODEFAULT:
            options["default"] = each.default
        if each.default_factory is not msgspec.NODEFAULT:
            options["default_factory"] = each.default_factory
        fields.append((each.name, each.type, dataclasses.field(**options)))
    like = dataclasses.make_dataclass(kind.__name__, fields, kw_only=True)
    return {each.name: each for each in dataclasses.fields(like)}


class _Fields:
    def __get__(
        self, _value: object, kind: type[msgspec.Struct]
    ) -> dict[str, dataclasses.Field[Any]]:
        return _fields_of(kind)


class Value(msgspec.Struct, frozen=True, gc=False):
    """A value; a class of them names `frozen=True` again, and `kw_only=True` where it fits."""

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    else:
        # Without an annotation, which would make it one of the hints of every value.
        __dataclass_fields__ = _Fields()
