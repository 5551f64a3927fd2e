"""A device and its user, step by step (RFC 8628)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.app import API, OPENID, PASSWORD, SCOPES, USERNAME, Running
from tests.support.browser import Answer, Browser
from tests.support.clients import Client

from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.device import GRANT_TYPE

TELEVISION = ClientMetadata(
    name="Television",
    verified=False,
    token_endpoint_auth_method="none",
    grant_types=(GRANT_TYPE, "refresh_token"),
    response_types=(),
    scope=(*SCOPES, *OPENID),
)
PRINTER = ClientMetadata(
    name="Printer", grant_types=(GRANT_TYPE,), response_types=(), scope=SCOPES, resources=(API,), verified=True
)


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has asked."""

    client: Client
    asked: Answer

    @property
    def code(self) -> str:
        text: str = self.asked.json["device_code"]
        return text

    @property
    def user_code(self) -> str:
        text: str = self.asked.json["user_code"]
        return text

    def poll(self, **values: str | Sequence[str]) -> Answer:
        """What ``/token`` answers."""
        return self.client.token(GRANT_TYPE, **({"device_code": self.code} | values))


def device_of(app: Running, metadata: ClientMetadata = TELEVISION) -> Client:
    """A client of this kind, registered on its first use."""
    name = f"device {metadata.name}"
    if name not in app.clients:
        app.clients[name] = app.register(metadata)
    return Client(app.url, app.clients[name])


def ask(client: Client, **values: str | Sequence[str]) -> Device:
    """A device asks for a code."""
    answer = client.post("/device_authorization", {"scope": "openid api:read"} | values)
    assert answer.status == 200, answer.text
    return Device(client, answer)


def type_code(browser: Browser, typed: str) -> Answer:
    """What a person gets who types a code."""
    return browser.submit(browser.get("/device"), user_code=typed)


def question(browser: Browser, device: Device, username: str = USERNAME) -> Answer:
    """The page that asks about the device, logging in where it has to be."""
    page = browser.follow(type_code(browser, device.user_code))
    if page.status == 303:
        page = browser.follow(page)
        page = browser.follow(browser.submit(page, username=username, password=PASSWORD))
    assert page.status == 200, page.text
    assert page.forms[0].action == "/device/confirm"
    return page


def allow(browser: Browser, device: Device) -> Answer:
    """The user allows it."""
    answer = browser.submit(question(browser, device), decision="allow")
    assert answer.status == 200, answer.text
    return answer


def deny(browser: Browser, device: Device) -> Answer:
    """The user denies it."""
    answer = browser.submit(question(browser, device), decision="deny")
    assert answer.status == 200, answer.text
    return answer
