"""A cause keeps its name wherever it goes."""

from __future__ import annotations

import weakref

import pytest

from core.domain.errors import ErrorCode, ErrorInfo, NetworkError, WinchError, without_frames


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_keeps_its_code_and_class_on_the_way_through_a_socket(code: ErrorCode) -> None:
    info = ErrorInfo(code=code, message="m", hint="h")
    assert info.to_error().info() == info
    assert info.to_error().code.exit_status == code.exit_status != 0
    assert code is ErrorCode.INTERNAL or type(info.to_error()).code is code


def test_an_error_that_is_remembered_keeps_nothing_of_where_it_was_raised() -> None:
    class Held:
        pass

    def fail() -> None:
        held = Held()
        there.append(weakref.ref(held))
        try:
            raise OSError("cut off")
        except OSError as cause:
            raise NetworkError("gone") from cause

    there: list[weakref.ref[Held]] = []
    try:
        fail()
    except WinchError as error:
        remembered = without_frames(error)
    assert there[0]() is None
    assert isinstance(remembered.__cause__, OSError)
