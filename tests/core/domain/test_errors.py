"""A cause keeps its name wherever it goes."""

from __future__ import annotations

import pytest

from core.domain.errors import ErrorCode, ErrorInfo


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_keeps_its_code_and_class_on_the_way_through_a_socket(code: ErrorCode) -> None:
    info = ErrorInfo(code=code, message="m", hint="h")
    assert info.to_error().info() == info
    assert info.to_error().code.exit_status == code.exit_status != 0
    assert code is ErrorCode.INTERNAL or type(info.to_error()).code is code
