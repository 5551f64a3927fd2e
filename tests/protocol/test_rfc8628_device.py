"""RFC 8628: the device authorization grant, from the device's request to its tokens."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.app import API, BILLING, Running, StartApp
from tests.support.beside import at, serving, site_of
from tests.support.clients import Client, client_of, is_not_stored, is_refused
from tests.support.devices import PRINTER, allow, ask, deny, device_of, question, type_code
from tests.support.flows import event_types, is_active

from grantlog.core.identifiers import MICROS, StreamId
from grantlog.core.protocol.device import ALPHABET, GRANT_TYPE
from grantlog.core.protocol.token_text import Handle, Kind, read, write
from grantlog.flows import device_records

WRONG = "wrong, was used, or has expired"


@pytest.fixture
def television(app: Running) -> Client:
    return device_of(app)


def _expired(app: Running) -> str:
    """A device code of ours that has expired."""
    keys, now = app.service.ports.secrets.token_mac_keys(), app.service.ports.log.now()
    return write(Handle(Kind.DEVICE, app.service.ports.log.mint(), 1, now // MICROS - 1), bytes(32), keys[0], "gl")


def test_a_device_is_told_all_that_the_specification_names(television: Client) -> None:
    answer = ask(television).asked
    is_not_stored(answer)
    told = answer.json
    assert set(told) == {
        "device_code",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
        "expires_in",
        "interval",
    }
    assert told["device_code"].startswith("gl_dc_")
    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", told["user_code"])
    assert told["verification_uri"] == f"{television.url}/device"
    assert told["verification_uri_complete"] == f"{television.url}/device?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)


def test_a_device_gets_its_tokens_once_its_user_has_allowed_it(app: Running, television: Client) -> None:
    device, browser = ask(television, scope="openid api:read offline_access"), app.browser()
    is_refused(device.poll(), "authorization_pending")
    assert "go back to your device" in allow(browser, device).text
    tokens = device.poll()
    assert tokens.status == 200, tokens.text
    assert set(tokens.json) >= {"access_token", "refresh_token", "id_token", "expires_in", "token_type", "scope"}
    assert app.introspect(tokens.json["access_token"])["scope"] == "openid api:read offline_access"
    renewed = television.refresh(tokens.json["refresh_token"])
    assert renewed.status == 200, renewed.text
    types = event_types(app, tokens.json["access_token"])
    assert types[:2] == ["authorized", "code_redeemed"]


def test_a_used_device_code_is_refused_and_kills_nothing(app: Running, television: Client) -> None:
    device, browser = ask(television), app.browser()
    allow(browser, device)
    token = device.poll().json["access_token"]
    for _ in range(2):
        is_refused(device.poll(), "invalid_grant")
    assert is_active(app, token)


def test_a_denied_device_is_told_so(app: Running, television: Client) -> None:
    device = ask(television)
    assert "gets nothing" in deny(app.browser(), device).text
    for _ in range(2):
        is_refused(device.poll(), "access_denied")


def test_who_polls_too_fast_has_to_wait_five_seconds_longer_each_time(app: Running, television: Client) -> None:
    device = ask(television)
    is_refused(device.poll(), "authorization_pending")
    is_refused(device.poll(), "slow_down")
    is_refused(device.poll(), "slow_down")
    stream = stream_of_code(app, device.code)
    kept = app.run(device_records.by_stream(app.service, stream))
    assert kept is not None
    assert kept.pace.interval == 15
    assert kept.pace.not_before > app.service.ports.log.now() + 13 * MICROS


def test_a_device_that_keeps_to_its_interval_is_never_told_to_slow_down(start_app: StartApp) -> None:
    app = start_app(device_interval=1)
    device = ask(device_of(app))
    assert device.asked.json["interval"] == 1
    for _ in range(3):
        is_refused(device.poll(), "authorization_pending")
        app.pass_seconds(1)
    allow(app.browser(), device)
    assert device.poll().status == 200, "who has been allowed waits for nothing"


def test_a_device_code_of_another_client_is_refused(app: Running, television: Client) -> None:
    device, stranger = ask(television), device_of(app, PRINTER)
    is_refused(stranger.token(GRANT_TYPE, device_code=device.code), "invalid_grant")
    allow(app.browser(), device)
    is_refused(stranger.token(GRANT_TYPE, device_code=device.code), "invalid_grant")
    assert device.poll().status == 200, "and nothing happened to it"
    is_refused(stranger.token(GRANT_TYPE, device_code=device.code), "invalid_grant")


@pytest.mark.parametrize("text", ["", "junk", "gl_dc_" + "A" * 90, "\u00e4", "x" * 5000])
def test_a_device_code_that_is_none_is_refused(television: Client, text: str) -> None:
    is_refused(television.token(GRANT_TYPE, device_code=text), "invalid_request" if not text else "invalid_grant")


def test_a_device_code_is_needed(television: Client) -> None:
    is_refused(television.token(GRANT_TYPE), "invalid_request")
    is_refused(television.post("/token", {"grant_type": GRANT_TYPE, "device_code": ["a", "b"]}), "invalid_request")


def test_another_token_is_no_device_code(app: Running, television: Client) -> None:
    device = ask(television)
    allow(app.browser(), device)
    tokens = device.poll().json
    for other in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"]):
        is_refused(television.token(GRANT_TYPE, device_code=other), "invalid_grant")


def test_an_expired_device_code_is_said_to_have_expired(app: Running, television: Client) -> None:
    is_refused(television.token(GRANT_TYPE, device_code=_expired(app)), "expired_token")


def test_a_device_waits_no_more_where_redis_has_forgotten_it(app: Running, television: Client) -> None:
    device = ask(television)
    stream = stream_of_code(app, device.code)
    app.run(app.service.ports.transactions.take(device_records.KIND, str(stream)))
    is_refused(device.poll(), "expired_token")
    assert WRONG in type_code(app.browser(), device.user_code).text


def test_what_was_allowed_is_redeemed_also_where_redis_has_forgotten_it(app: Running, television: Client) -> None:
    device = ask(television)
    allow(app.browser(), device)
    app.run(app.service.ports.transactions.take(device_records.KIND, str(stream_of_code(app, device.code))))
    assert device.poll().status == 200


@pytest.mark.parametrize(
    "spelt", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code[:4]} {code[5:]} ", lambda c: f"{c}."]
)
def test_a_user_code_is_known_however_it_is_typed(app: Running, television: Client, spelt: object) -> None:
    assert callable(spelt)
    answer = type_code(app.browser(), spelt(ask(television).user_code))
    assert answer.status == 303
    assert urlsplit(answer.location).path == "/device/confirm"


def test_wrong_used_and_unreadable_user_codes_get_one_answer(app: Running, television: Client) -> None:
    used = ask(television)
    deny(app.browser(), used)
    said = set()
    for typed in (used.user_code, "BCDF-GHJK", "O0I1-AEIO", "", "\u00e4\u0130", "B" * 300, "<script>"):
        answer = type_code(app.browser(), typed)
        assert answer.status == 400
        assert "<script>" not in answer.text
        said.add(re.findall(r'id="complaint">([^<]*)', answer.text)[0])
    assert len(said) == 1


def test_guesses_are_throttled_for_an_address(start_app: StartApp) -> None:
    app = start_app(rate_user_code="3/minute")
    device = ask(device_of(app))
    for _ in range(3):
        assert type_code(app.browser(), "BCDF-GHJK").status == 400
    refused = type_code(app.browser(), device.user_code)
    assert refused.status == 429
    assert int(refused.header("Retry-After") or 0) > 0
    assert "tried too often" in refused.text


def test_good_codes_count_for_nothing(start_app: StartApp) -> None:
    app = start_app(rate_user_code="3/minute")
    device = ask(device_of(app))
    for _ in range(6):
        assert type_code(app.browser(), device.user_code).status == 303


def test_the_complete_address_still_asks_to_compare_and_confirm(app: Running, television: Client) -> None:
    device, browser = ask(television), app.browser()
    page = browser.get(device.asked.json["verification_uri_complete"])
    assert page.status == 200
    assert page.forms[0].values["user_code"] == device.user_code
    assert "Compare" in page.text
    assert "started this yourself" in page.text
    assert "<svg" in page.text, "a code for the phone"
    is_refused(device.poll(), "authorization_pending")
    assert browser.submit(page).status == 303


def test_the_page_says_who_asks_for_what_and_from_where(app: Running, television: Client) -> None:
    device, browser = ask(television, scope="openid api:write"), app.browser()
    page = question(browser, device)
    for said in (
        "Television",
        device.user_code,
        "127.0.0.1",
        "Unverified",
        "started this yourself",
        API,
        "change what",
    ):
        assert said in page.text, said
    assert page.header("X-Frame-Options") == "DENY"


def test_an_answer_counts_once(app: Running, television: Client) -> None:
    device, browser = ask(television), app.browser()
    page = question(browser, device)
    assert browser.submit(page, decision="deny").status == 200
    again = browser.submit(page, decision="allow")
    assert again.status == 400
    is_refused(device.poll(), "access_denied")


def test_the_page_belongs_to_the_browser_that_typed_the_code(app: Running, television: Client) -> None:
    device, browser, other = ask(television), app.browser(), app.browser()
    question(other, ask(television))
    page = question(browser, device)
    assert other.get(page.url).status == 400
    assert other.submit(page, decision="allow").status == 400
    is_refused(device.poll(), "authorization_pending")


@pytest.mark.parametrize("changes", [{"csrf": "x"}, {"csrf": ""}, {"decision": "maybe"}, {"tx": "x"}])
def test_a_form_that_we_did_not_make_is_refused(app: Running, television: Client, changes: dict[str, str]) -> None:
    device, browser = ask(television), app.browser()
    page = question(browser, device)
    assert browser.submit(page, **({"decision": "allow"} | changes)).status in {400, 403}
    is_refused(device.poll(), "authorization_pending")
    assert browser.submit(browser.get("/device"), user_code=device.user_code, csrf="x").status == 403


def test_the_pages_need_a_session(app: Running, television: Client) -> None:
    device, browser = ask(television), app.browser()
    answer = browser.follow(type_code(browser, device.user_code))
    assert answer.status == 303
    assert urlsplit(answer.location).path == "/login"


def test_a_client_needs_the_grant_type(app: Running) -> None:
    web = client_of(app)
    is_refused(web.post("/device_authorization", {"scope": "api:read"}), "unauthorized_client")
    is_refused(web.token(GRANT_TYPE, device_code="x"), "unauthorized_client")


def test_a_confidential_client_has_to_prove_itself(app: Running) -> None:
    printer = device_of(app, PRINTER)
    answer = app.browser().post("/device_authorization", {"client_id": printer.client_id, "scope": "api:read"})
    is_refused(answer, "invalid_client", 401)
    is_refused(app.browser().post("/device_authorization", {"client_id": "nobody"}), "invalid_client", 401)
    is_refused(app.browser().post("/device_authorization", {}), "invalid_client", 401)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"scope": "nothing"}, "invalid_scope"),
        ({"scope": '"'}, "invalid_scope"),
        ({"scope": ["api:read", "api:write"]}, "invalid_request"),
        ({"scope": "api:read", "resource": "https://elsewhere.example/"}, "invalid_target"),
        ({"scope": "api:read", "resource": "no uri"}, "invalid_target"),
        ({"scope": "api:read", "authorization_details": "{"}, "invalid_authorization_details"),
    ],
)
def test_a_request_that_cannot_be_had_is_refused(television: Client, values: dict[str, str], error: str) -> None:
    is_refused(television.post("/device_authorization", values), error)


def test_a_resource_binds_what_the_device_gets(app: Running, television: Client) -> None:
    device = ask(television, scope="api:read", resource=BILLING)
    allow(app.browser(), device)
    is_refused(device.poll(resource=API), "invalid_target")
    tokens = device.poll(resource=BILLING)
    assert app.introspect(tokens.json["access_token"])["aud"] == BILLING


def test_a_client_has_so_many_open_codes_and_no_more(start_app: StartApp) -> None:
    app = start_app(device_codes_per_client=2)
    client = device_of(app)
    first = ask(client)
    ask(client)
    full = client.post("/device_authorization", {"scope": "api:read"})
    assert full.status == 503
    assert full.header("Retry-After")
    assert app.run(app.service.ports.transactions.get(device_records.CODE_KIND, first.user_code.replace("-", "")))


def test_asking_is_throttled(start_app: StartApp) -> None:
    app = start_app(rate_device="2/minute")
    client = device_of(app)
    ask(client)
    ask(client)
    assert client.post("/device_authorization", {"scope": "api:read"}).status == 429


def test_a_suspended_client_gets_nothing_more(app: Running) -> None:
    credentials = app.register(PRINTER)
    printer = Client(app.url, credentials)
    device, browser = ask(printer, scope="api:read"), app.browser()
    page = question(browser, device)
    app.suspend(credentials)
    assert browser.submit(page, decision="allow").status == 400
    is_refused(device.poll(), "invalid_client", 401)


def test_logging_out_ends_what_was_allowed_without_offline_access(app: Running, television: Client) -> None:
    device, lasting, browser = ask(television), ask(television, scope="api:read offline_access"), app.browser()
    allow(browser, device)
    allow(browser, lasting)
    dies, lives = device.poll().json["access_token"], lasting.poll().json["access_token"]
    page = browser.get("/logout")
    assert browser.submit(page).status == 200
    assert not is_active(app, dies)
    assert is_active(app, lives)


def test_of_many_polls_in_two_processes_one_gets_tokens(app: Running, television: Client, tmp_path: Path) -> None:
    device = ask(television)
    with serving(site_of(app, tmp_path)) as (_, url):
        beside = at(url, television)
        is_refused(device.poll(), "authorization_pending")
        is_refused(beside.token(GRANT_TYPE, device_code=device.code), "slow_down")
        allow(app.browser(), device)

        def poll(number: int) -> int:
            client = beside if number % 2 else television
            answer = client.token(GRANT_TYPE, device_code=device.code)
            assert answer.status == 200 or answer.json["error"] == "invalid_grant", answer.text
            return answer.status

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(poll, range(16))) == [200] + [400] * 15


def stream_of_code(app: Running, code: str) -> StreamId:
    """The stream that a device code names."""
    found = read(code, Kind.DEVICE, app.service.ports.secrets.token_mac_keys(), app.settings.token_prefix)
    assert found is not None
    return found.handle.stream


def test_a_device_code_outlives_the_process_that_gave_it(app: Running, television: Client, tmp_path: Path) -> None:
    with serving(site_of(app, tmp_path)) as (_, url):
        device = ask(at(url, television))
    is_refused(television.token(GRANT_TYPE, device_code=device.code), "authorization_pending")
    allow(app.browser(), device)
    assert television.token(GRANT_TYPE, device_code=device.code).status == 200


def test_polls_that_come_as_told_count_as_no_failures(start_app: StartApp) -> None:
    app = start_app(rate_token="2/minute", device_interval=1)
    device = ask(device_of(app))
    for _ in range(4):
        is_refused(device.poll(), "authorization_pending")
        app.pass_seconds(1)


def test_a_device_is_answered_by_one_of_two_browsers_at_once(app: Running, television: Client) -> None:
    device, first, second = ask(television), app.browser(), app.browser()
    pages = [(first, question(first, device), "allow"), (second, question(second, device), "deny")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda each: each[0].submit(each[1], decision=each[2]).status, pages))
    assert sorted(answers) == [200, 400]
    polled = device.poll()
    assert polled.status == 200 if answers[0] == 200 else polled.json["error"] == "access_denied"
