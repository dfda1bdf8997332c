"""Tokens that expire, rotate and are revoked, and what may be told of them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from reverse_etl.account import AccountFile
from reverse_etl.auth.credentials import Credentials, Fixed, Replaceable
from reverse_etl.auth.oauth import EARLY, JwtBearer, RefreshToken, ServiceAccount
from reverse_etl.breaker import FIRST_PAUSE, Breaker
from reverse_etl.destinations.hubspot.destination import HubSpotSettings
from reverse_etl.errors import AmbiguousCall, ConfigError, DestinationDown, DestinationRefused
from reverse_etl.http import HttpClient
from reverse_etl.rows import Op
from sandbox.hubspot.api import HubSpot
from sandbox.oauth import TokenOffice
from sandbox.server import Running

from .accounts import Account, outcomes, people
from .conftest import FakeTime

URL = "https://login.example.com/services/oauth2/token"
CONTACTS = "/crm/objects/2026-03/contacts"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEFT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def office(sandbox: Running) -> Iterator[TokenOffice]:
    """The token endpoint of HubSpot's simulator, as new."""
    api = sandbox.sandbox.apis["hubspot"]
    assert isinstance(api, HubSpot)
    api.office = TokenOffice("weft-demo-app", "weft-demo-secret", "weft-demo-refresh", lifetime=1800)
    yield api.office
    api.office = TokenOffice("weft-demo-app", "weft-demo-secret", "weft-demo-refresh", lifetime=1800)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def by_refresh(sandbox: Running, token: str = "weft-demo-refresh", secret: str = "weft-demo-secret") -> RefreshToken:
    url = f"{sandbox.url}/hubspot/oauth/2026-03/token"
    naps = FakeTime()
    return RefreshToken(url, "weft-demo-app", SecretStr(secret), SecretStr(token), sleep=naps.sleep)


def ask(sandbox: Running, credentials: Credentials) -> int:
    client = HttpClient(f"{sandbox.url}/hubspot", credentials, sleep=lambda seconds: None)
    return client.request("GET", CONTACTS, params={"limit": "1"}, idempotent=True).status


def form(call: Any) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in call.request.body.decode().split("&"))


def test_a_token_that_expired_is_renewed_and_the_call_repeated(sandbox: Running, office: TokenOffice) -> None:
    credentials = by_refresh(sandbox)
    account = dict(credentials.account)
    assert ask(sandbox, credentials) == 200
    office.expire()

    assert ask(sandbox, credentials) == 200
    assert (office.given, credentials.account) == (2, account)


def test_a_token_is_renewed_a_little_before_its_end() -> None:
    now = [1_000.0]
    with responses.RequestsMock() as vendor:
        for number in (1, 2):
            vendor.post(URL, json={"access_token": f"t{number}", "expires_in": 600})
        credentials = RefreshToken(URL, "app", None, SecretStr("r"), wall=lambda: now[0])

        assert credentials.headers() == {"Authorization": "Bearer t1"}
        now[0] += 600 - EARLY - 1
        assert credentials.headers() == {"Authorization": "Bearer t1"}
        now[0] += 1
        assert credentials.headers() == {"Authorization": "Bearer t2"}


def test_while_the_token_endpoint_is_down_a_token_is_used_to_its_end() -> None:
    now = [1_000.0]
    with responses.RequestsMock() as vendor:
        vendor.post(URL, json={"access_token": "t1", "expires_in": 600})
        credentials = RefreshToken(URL, "app", None, SecretStr("r"), sleep=lambda s: None, wall=lambda: now[0])
        credentials.headers()
        vendor.replace(responses.POST, URL, status=503)

        now[0] += 599
        assert credentials.headers() == {"Authorization": "Bearer t1"}
        now[0] += 1
        with pytest.raises(DestinationDown, match="No access token was to be had"):
            credentials.headers()
        assert len(vendor.calls) == 1 + 2 * 4  # four attempts each time


def test_a_call_that_may_have_been_taken_stays_in_doubt_without_a_token() -> None:
    down = DestinationDown("No access token was to be had.")

    class Lost(Fixed):
        def headers(self) -> Mapping[str, str]:
            if len(vendor.calls) == 0:
                return {}
            raise down

    client = HttpClient("https://api.example.com", Lost({}), sleep=lambda seconds: None)
    with responses.RequestsMock() as vendor:
        vendor.post("https://api.example.com/rows", status=500)
        with pytest.raises(AmbiguousCall, match="No access token"):
            client.request("POST", "/rows", json={}, idempotent=True)


def test_an_account_that_comes_back_without_a_token_is_not_taken_for_well(tmp_path: Path) -> None:
    time = FakeTime()
    breaker = Breaker(AccountFile(tmp_path / "account.json"), "Acme", clock=time.clock)
    breaker.failed()
    time.jump(FIRST_PAUSE + 1)
    with responses.RequestsMock() as vendor:
        vendor.post(URL, status=503)
        credentials = RefreshToken(URL, "app", None, SecretStr("r"), sleep=time.sleep)
        client = HttpClient("https://api.example.com", credentials, breaker=breaker, sleep=time.sleep, clock=time.clock)
        for told in ("No access token", "did not answer at"):
            with pytest.raises(DestinationDown, match=told):
                client.request("GET", "/rows", idempotent=True)


def test_a_rotated_refresh_token_serves_the_rest_of_the_run_and_the_next_one(
    sandbox: Running, office: TokenOffice, state: Path
) -> None:
    office.rotates = True
    first = by_refresh(sandbox)
    assert ask(sandbox, first) == 200
    office.expire()
    assert ask(sandbox, first) == 200

    assert ask(sandbox, by_refresh(sandbox)) == 200  # another run, which knows the first token only

    [kept] = (state / "tokens").glob("*.token")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert kept.read_text() == office.refresh_token
    assert "weft-demo-refresh" not in kept.name


def test_a_rotated_token_that_cannot_be_kept_is_used_and_warned_about(
    sandbox: Running, office: TokenOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WEFT_STATE_DIR", str(tmp_path / "file"))
    office.rotates = True
    credentials = by_refresh(sandbox)
    assert ask(sandbox, credentials) == 200
    office.expire()

    assert ask(sandbox, credentials) == 200
    assert "WEFT_STATE_DIR" in caplog.text
    assert str(office.refresh_token) not in caplog.text


def test_threads_share_one_renewal(sandbox: Running, office: TokenOffice) -> None:
    office.rotates = True
    credentials = by_refresh(sandbox)
    credentials.headers()
    office.expire()
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(sandbox, credentials))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert answers == [200] * 8
    assert office.given == 2


PROCESS = """
import sys
from pydantic import SecretStr
from reverse_etl.auth.oauth import RefreshToken
credentials = RefreshToken(sys.argv[1], "weft-demo-app", SecretStr("weft-demo-secret"), SecretStr("weft-demo-refresh"))
for _ in range(5):
    assert credentials.renew(credentials.headers())
"""


def test_processes_never_spend_a_refresh_token_twice(sandbox: Running, office: TokenOffice) -> None:
    office.rotates = True
    url = f"{sandbox.url}/hubspot/oauth/2026-03/token"
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, url]) for _ in range(2)]

    assert [process.wait(30) for process in running] == [0, 0]
    assert office.given == 12
    assert office.refresh_token is not None


@pytest.mark.parametrize(
    ("secret", "revoked", "told"),
    [
        ("wrong", False, ("client_secret", "invalid_client")),
        ("weft-demo-secret", True, ("refresh_token", "invalid_grant")),
    ],
)
def test_a_refusal_says_which_setting_to_renew(
    sandbox: Running, office: TokenOffice, secret: str, revoked: bool, told: tuple[str, str]
) -> None:
    if revoked:
        office.revoke()
    with pytest.raises(DestinationRefused) as refused:
        ask(sandbox, by_refresh(sandbox, secret=secret))

    assert all(part in str(refused.value) for part in told)
    assert "weft-demo-refresh" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"access_token": 1}},
        {"json": []},
        {"status": 302, "headers": {"Location": "https://other.example.com"}},
        {"status": 404, "json": {}},
        {"status": 400, "json": {"error": "someone@example.com"}},
    ],
)
def test_anything_but_a_token_is_a_refusal_without_a_word_of_it(answer: dict[str, Any]) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(URL, **answer)
        with pytest.raises(DestinationRefused) as refused:
            RefreshToken(URL, "app", None, SecretStr("r")).headers()
    assert URL in str(refused.value)
    assert "someone" not in str(refused.value)
    assert "other.example" not in str(refused.value)


def test_no_secret_is_logged(
    sandbox: Running, office: TokenOffice, caplog: pytest.LogCaptureFixture, key: rsa.RSAPrivateKey
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    office.rotates = True
    credentials = by_refresh(sandbox)
    ask(sandbox, credentials)
    token = credentials.headers()["Authorization"].removeprefix("Bearer ")
    office.revoke()
    with pytest.raises(DestinationRefused) as refused:
        ask(sandbox, credentials)
    url = f"{sandbox.url}/hubspot/oauth/2026-03/token"
    with pytest.raises(DestinationRefused) as unsupported:
        JwtBearer(url, "weft-demo-app", "user", "aud", SecretStr(pem(key))).headers()

    text = caplog.text + str(refused.value) + repr(refused.value.__context__) + str(unsupported.value)
    assert "oauth/2026-03/token" in text
    for secret in (token, "weft-demo-secret", "weft-demo-refresh", "PRIVATE", "assertion=", "eyJ"):
        assert secret not in text


def test_an_assertion_is_signed_for_the_user_and_holds_less_than_three_minutes(key: rsa.RSAPrivateKey) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(URL, json={"access_token": "t"})
        audience = "https://login.salesforce.com"
        credentials = JwtBearer(URL, "app", "weft@example.com", audience, SecretStr(pem(key)))
        assert credentials.headers() == {"Authorization": "Bearer t"}
        sent = form(vendor.calls[0])

    assert sent["grant_type"] == "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    claims = jwt.decode(sent["assertion"], key.public_key(), algorithms=["RS256"], audience=audience)
    assert (claims["iss"], claims["sub"]) == ("app", "weft@example.com")
    assert "scope" not in claims


def test_a_service_account_asks_for_its_scopes(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    file = {"client_email": "weft@p.iam.gserviceaccount.com", "private_key": pem(key), "token_uri": URL}
    path = tmp_path / "key.json"
    path.write_text(json.dumps({**file, "private_key_id": "kid1"}))
    scope = "https://www.googleapis.com/auth/datamanager"
    for given in (str(path), path.read_text()):
        with responses.RequestsMock() as vendor:
            vendor.post(URL, json={"access_token": "t", "expires_in": 3599})
            ServiceAccount(SecretStr(given), [scope]).headers()
            assertion = form(vendor.calls[0])["assertion"]
        claims = jwt.decode(assertion, key.public_key(), algorithms=["RS256"], audience=URL)
        assert (claims["iss"], claims["scope"]) == (file["client_email"], scope)
        assert claims["exp"] - claims["iat"] == 3600
        assert jwt.get_unverified_header(assertion)["kid"] == "kid1"


def test_a_key_that_cannot_sign_is_told_at_once_and_never_shown(key: rsa.RSAPrivateKey) -> None:
    broken = pem(key)[:300]
    for given in (broken, "/no/such/file.pem", "no key"):
        with pytest.raises(ConfigError, match="private_key") as error:
            JwtBearer(URL, "app", "user", "aud", SecretStr(given))
        assert broken[30:60] not in str(error.value)
    for text in ("{}", "{", json.dumps({"client_email": "a", "private_key": "b", "token_uri": "http://x.example"})):
        with pytest.raises(ConfigError, match="service_account"):
            ServiceAccount(SecretStr(text), ["scope"])


@pytest.mark.parametrize(
    ("description", "told"),
    [
        ("user hasn't approved this consumer", "pre-authorise"),
        ("audience is invalid", "https://login.salesforce.com"),
        ("expired authorization code", "clock"),
        ("invalid assertion", "certificate"),
    ],
)
def test_a_refused_assertion_is_explained(key: rsa.RSAPrivateKey, description: str, told: str) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(URL, status=400, json={"error": "invalid_grant", "error_description": description})
        with pytest.raises(DestinationRefused, match=told) as refused:
            JwtBearer(URL, "app", "user", "aud", SecretStr(pem(key))).headers()
    assert "invalid_grant" in str(refused.value)


def test_settings_are_read_again_only_when_they_are_refused() -> None:
    asked: list[str] = []
    now = ["old"]

    def reload() -> str:
        asked.append(now[0])
        return now[0]

    credentials = Replaceable(lambda key: Fixed({"key": key}), "old", reload)
    assert (credentials.headers(), asked) == ({"key": "old"}, [])
    assert not credentials.renew({"key": "old"})
    now[0] = "new"
    assert credentials.renew({"key": "old"})
    assert credentials.renew({"key": "old"})  # of another thread, which sent the old one as well
    assert (credentials.headers(), credentials.account, asked) == ({"key": "new"}, {"key": "old"}, ["old", "new"])


def test_a_new_refresh_token_in_the_settings_replaces_a_revoked_one(sandbox: Running, office: TokenOffice) -> None:
    settings = ["weft-demo-refresh"]
    credentials = Replaceable(lambda token: by_refresh(sandbox, token), settings[0], lambda: settings[0])
    assert ask(sandbox, credentials) == 200
    office.revoke()
    office.refresh_token = settings[0] = "authorised-again"

    assert ask(sandbox, credentials) == 200


def test_settings_that_are_being_changed_are_a_refusal_not_a_crash() -> None:
    def reload() -> None:
        raise ConfigError("The settings file has a line that is no setting.", where=".env", fix="mend it")

    with pytest.raises(DestinationRefused, match="no setting"):
        Replaceable(lambda key: Fixed({"key": key}), "old", reload).renew({"key": "old"})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"access_token": "pat", "refresh_token": "r"},
        {"client_id": "app", "refresh_token": "r"},
        {"access_token": "", "client_id": "app"},
    ],
)
def test_hubspot_takes_exactly_one_way_to_authenticate(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="give either access_token"):
        HubSpotSettings.model_validate(given)


def test_hubspot_is_synced_by_an_oauth_app_whose_tokens_end_in_the_middle(
    sandbox: Running, office: TokenOffice
) -> None:
    settings = HubSpotSettings(
        base_url=f"{sandbox.url}/hubspot",
        client_id="weft-demo-app",
        client_secret=SecretStr("weft-demo-secret"),
        refresh_token=SecretStr("weft-demo-refresh"),
    )
    hubspot = Account("hubspot", sandbox)
    hubspot.destination = type(hubspot.destination).connect(settings)
    office.rotates = True

    for batch in ("one", "two"):
        assert outcomes(hubspot.send(Op.ADD, people(batch, 3, name="hubspot"))) == {"applied"}
        office.expire()
    assert office.given == 2
