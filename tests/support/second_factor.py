"""Second factors in tests: enrolled past HTTP, and the codes that an authenticator app would show."""

from base64 import b32decode
from dataclasses import dataclass
from time import sleep
from urllib.parse import urljoin

from pyotp import TOTP
from tests.support.app import PASSWORD, Running
from tests.support.browser import Answer, Browser, Form

from grantlog.core.account import factors
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.identifiers import StreamId, seconds
from grantlog.flows import recovery, totp
from grantlog.flows.handle import handle, plain
from grantlog.flows.operators import operator_origin
from grantlog.flows.service import Service

STEP_UP = "/login/second-factor"
KEY = b"an authenticator key"


@dataclass(frozen=True, slots=True)
class App:
    """An authenticator app that knows one key."""

    app: Running
    key: bytes = KEY

    @classmethod
    def from_text(cls, app: Running, text: str) -> "App":
        """The app that the key was typed into."""
        return cls(app, b32decode(text.replace(" ", "")))

    def code(self, offset: int = 0) -> str:
        """The code of now, or of ``offset`` steps from now. Never so late that the step ends before it is typed."""
        now = seconds(self.app.service.ports.log.now())
        late = now % totp.STEP - (totp.STEP - 5)
        if late > 0:
            sleep(5 - late + 1)
            now = seconds(self.app.service.ports.log.now())
        return otp(self.key).generate_otp(now // totp.STEP + offset)


def otp(key: bytes) -> TOTP:
    """What computes the codes: RFC 6238 by a library, from the key as text."""
    return TOTP(totp.as_text(key).replace(" ", ""))


async def enrol_totp(service: Service, account: StreamId, key: bytes = KEY) -> None:
    """Gives an account an authenticator app that has not been used yet."""
    log = service.ports.log
    factor = log.mint()
    await service.ports.kept.keep(factor, totp.PURPOSE, key)
    add = factors.Add(factor=factor, kind="totp", counter=0)
    origin = operator_origin(service, "operator:test")
    done = await handle(
        service, account, evolve, plain(lambda state: factors.add(state, account, add, log.now())), origin
    )
    assert done.answer is None


async def enrol_codes(service: Service, account: StreamId) -> tuple[str, ...]:
    """Gives an account recovery codes."""
    codes = recovery.new_codes(service)
    hashes = tuple(recovery.hash_of(service, account, code) for code in codes)
    rule = plain(lambda state: factors.make_recovery_codes(state, account, hashes))
    done = await handle(service, account, evolve, rule, operator_origin(service, "operator:test"))
    assert done.answer is None
    return codes


def with_totp(app: Running, username: str) -> App:
    """A new account with an authenticator app."""
    account = app.add_user(username)
    app.run(enrol_totp(app.service, account))
    return App(app)


def state_of(app: Running, account: StreamId) -> AccountState:
    """What the log says of an account."""
    state = app.run(app.service.ports.log.load(account)).state
    assert isinstance(state, AccountState)
    return state


def form_for(page: Answer, action: str, way: str | None = None) -> Form:
    """The form of a page that posts to ``action``, by ``way`` where several do."""
    return next(
        form for form in page.forms if form.action.endswith(action) and (way is None or form.values.get("way") == way)
    )


def send(browser: Browser, page: Answer, action: str, **values: str) -> Answer:
    """Fills in that form and sends it."""
    form = form_for(page, action, values.get("way"))
    return browser.post(urljoin(page.url, form.action), form.values | values)


def second_page(browser: Browser, login: Answer, username: str, password: str = PASSWORD) -> Answer:
    """The page that asks for the second factor, after a right password."""
    answer = send(browser, login, "/login", username=username, password=password)
    assert STEP_UP in answer.location, answer.text
    page = browser.follow(answer)
    assert page.status == 200, page.text
    return page


def give_code(browser: Browser, page: Answer, code: str) -> Answer:
    """Types a code of the authenticator app."""
    return send(browser, page, STEP_UP, way="totp", totp=code)


def give_recovery_code(browser: Browser, page: Answer, code: str) -> Answer:
    """Types a recovery code."""
    return send(browser, page, STEP_UP, way="recovery_code", recovery_code=code)
