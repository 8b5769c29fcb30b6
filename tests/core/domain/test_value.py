"""Values never change, are equal where they hold the same, and pass for dataclasses where asked."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from core.domain.value import Value, field, replace


class Point(Value, frozen=True):
    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)


class Line(Value, frozen=True, kw_only=True):
    start: Point
    end: Point | None = None


def test_they_are_compared_by_what_they_hold_and_never_change() -> None:
    assert Point(1) == Point(1, 2, [])
    assert hash(Line(start=Point(1)).end) == hash(None)
    with pytest.raises(AttributeError):
        Point(1).x = 3  # type: ignore[misc]


@pytest.mark.parametrize("replaced", [replace, dataclasses.replace])
def test_another_one_holds_what_was_not_replaced(replaced: object) -> None:
    assert callable(replaced)
    assert replaced(Point(1, names=["a"]), y=5) == Point(1, 5, ["a"])
    with pytest.raises(TypeError):
        replaced(Point(1), z=5)


def test_dataclasses_sees_their_fields() -> None:
    assert dataclasses.is_dataclass(Point)
    x, y, names = dataclasses.fields(Point)
    assert (x.name, x.default, y.default) == ("x", dataclasses.MISSING, 2)
    assert names.default_factory is list
    line = {"start": {"x": 1, "y": 2, "names": []}, "end": None}
    assert dataclasses.asdict(Line(start=Point(1))) == line
    assert msgspec.to_builtins(Line(start=Point(1))) == line
