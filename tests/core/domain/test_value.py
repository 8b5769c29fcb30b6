"""Values never change, are equal where they hold the same, and are replaced by others."""

from __future__ import annotations

import msgspec
import pytest

from core.domain.value import Value, asdict, field, field_names, replace


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


def test_another_one_holds_what_was_not_replaced() -> None:
    assert replace(Point(1, names=["a"]), y=5) == Point(1, 5, ["a"])
    with pytest.raises(TypeError):
        replace(Point(1), z=5)


def test_their_fields_are_known_by_name() -> None:
    assert field_names(Point) == field_names(Point(1)) == ("x", "y", "names")
    assert asdict(Line(start=Point(1))) == {"start": Point(1), "end": None}
    line = {"start": {"x": 1, "y": 2, "names": []}, "end": None}
    assert msgspec.to_builtins(Line(start=Point(1))) == line
