"""Files at addresses that a vendor names: fetched without credentials, and only where that is safe."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
import responses

from reverse_etl.download import download
from reverse_etl.errors import DestinationDown, DestinationRefused

VENDOR = "https://api.example.com"
FILE = "https://storage.example.org/errors.csv"
SIGNED = f"{FILE}?signature=secret"


@responses.activate
def test_a_file_is_asked_for_again_while_its_place_is_busy(naps: list[float]) -> None:
    responses.get(FILE, status=503)
    responses.get(FILE, body=requests.exceptions.ConnectionError())
    responses.get(FILE, body="ünï".encode(), content_type="text/csv")

    assert download(SIGNED, beside=VENDOR, sleep=naps.append) == "ünï"
    assert naps == [1.0, 2.0]


@responses.activate
def test_a_file_that_stays_away_stops_the_run_without_telling_its_signature() -> None:
    responses.get(FILE, status=500)

    with pytest.raises(DestinationDown) as down:
        download(SIGNED, beside=VENDOR, sleep=lambda _: None)
    assert "storage.example.org" in str(down.value)
    assert "secret" not in str(down.value)


@pytest.mark.parametrize("status", [301, 403, 404, 410])
@responses.activate
def test_a_file_that_is_gone_is_none(status: int) -> None:
    responses.get(FILE, status=status, headers={"Location": "http://elsewhere.example.org"})

    assert download(SIGNED, beside=VENDOR, sleep=lambda _: None) is None


@pytest.mark.parametrize("url", ["http://storage.example.org/f", "ftp://storage.example.org/f", "file:///etc/passwd"])
def test_a_place_that_is_not_encrypted_is_not_asked(url: str) -> None:
    with pytest.raises(DestinationRefused, match="encrypted"):
        download(url, beside=VENDOR)


@responses.activate
def test_a_sandbox_may_serve_its_files_as_it_serves_the_rest() -> None:
    responses.get("http://127.0.0.1:8420/sendgrid/files/1", body="text")

    assert download("http://127.0.0.1:8420/sendgrid/files/1", beside="http://127.0.0.1:8420/sendgrid") == "text"
    with pytest.raises(DestinationRefused):
        download("http://127.0.0.1:9999/files/1", beside="http://127.0.0.1:8420/sendgrid")


@responses.activate
def test_no_password_of_ours_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine storage.example.org login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    call = responses.get(FILE, body="text")

    download(SIGNED, beside=VENDOR)
    assert "Authorization" not in call.calls[0].request.headers
