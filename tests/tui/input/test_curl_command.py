"""The curl command of a download asks the server the way winch does."""

from __future__ import annotations

from core.domain.login import basic
from core.domain.models import DownloadRequest
from tests.core.adapters.records import a_download
from tui.input.curl import curl_command


def test_curl_logs_in_as_the_server_asks_and_not_before() -> None:
    request = DownloadRequest(
        url="http://h/a", directory="/d", headers={"authorization": basic("me", "p:w d")}
    )
    command = curl_command(a_download(name="a", request=request))
    assert command == "curl -fgL -o a --anyauth -u 'me:p:w d' -- http://h/a"


def test_a_token_goes_along_as_it_is() -> None:
    headers = {"Authorization": "Bearer t"}
    request = DownloadRequest(url="http://h/a", directory="/d", headers=headers)
    assert "-H 'Authorization: Bearer t'" in curl_command(a_download(name="a", request=request))
