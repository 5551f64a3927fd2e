"""What an authorization request still needs of its user: asked wherever he comes from, so that no page can be left out."""

from dataclasses import dataclass, replace
from typing import Literal

from grantlog.core.decision import Origin
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.silent import may_be_silent
from grantlog.flows import consent, consents, pending, second_factor
from grantlog.flows.authorization_answer import Answer, refuse
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.pending import Pending
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session
from grantlog.flows.subjects import subject_of
from grantlog.ports import UnavailableError

Page = Literal["login", "second_factor", "consent"]


@dataclass(frozen=True, slots=True)
class Show:
    """The page that comes next."""

    page: Page


async def next_step(
    service: Service, client: KnownClient, waiting: Pending, session: Session | None
) -> Show | ProtocolError:
    """The next page, or the error that the client is told. Raises UnavailableError."""
    request = waiting.request
    if session is None or not waiting.satisfied_by(session):
        return Show("login")
    # OIDC Core 3.1.2.1: "If the End-User identified by the ID Token is logged in or is logged in by the request, then the
    # Authorization Server returns a positive response; otherwise, it SHOULD return an error, such as login_required."
    if request.hinted_subject not in {None, subject_of(service, client.state, session.account)}:
        if not waiting.followed_by(session):
            return Show("login")
        return ProtocolError("login_required", "somebody else has logged in", "hinted_subject")
    essential = request.essential_acr
    if not second_factor.meets(session, essential):
        if await second_factor.can_meet(service, session.account, essential):
            return Show("second_factor")
        return _unmet()
    # OIDC Core 3.1.2.1: acr_values is "Requested as a Voluntary Claim": where it can be met it is
    voluntary = request.acr_values
    if not second_factor.meets(session, voluntary) and await second_factor.can_meet(
        service, session.account, voluntary
    ):
        return Show("second_factor")
    return Show("consent")


async def proceed(
    service: Service, key: str, browser: str | None, waiting: Pending, session: Session | None, origin: Origin
) -> Show | Answer | None:
    """The next page; or the answer, where there is nothing left to ask; None where somebody answered meanwhile.

    Raises ProtocolError where the client is gone or may not have this any more, UnavailableError.
    """
    client = await consent.acting_client(service, waiting)
    step = await next_step(service, client, waiting, session)
    if isinstance(step, ProtocolError):
        taken = await pending.take(service, key, browser)
        return None if taken is None else await refuse(service, taken.request, step, origin)
    if step.page != "consent" or session is None:
        return step
    if not await consents.remembered(service, session, client, waiting.request):
        return step
    taken = await pending.take(service, key, browser)
    if taken is None:
        return None
    try:
        return await consent.allow(service, taken, session, origin)
    except UnavailableError:
        await pending.give_back(service, key, taken)
        raise


async def without_asking(service: Service, waiting: Pending, session: Session | None, origin: Origin) -> Answer:
    """``prompt=none`` (OpenID Connect Core section 3.1.2.1): "The Authorization Server MUST NOT display any authentication
    or consent user interface pages." Raises ProtocolError, UnavailableError.
    """
    client = await consent.acting_client(service, waiting)
    # what can only be met by voluntary steps is left out: nobody is asked
    wanted = replace(waiting, request=replace(waiting.request, acr_values=()))
    step = await next_step(service, client, wanted, session)
    if isinstance(step, Show) and step.page == "consent" and session is not None:
        if await consents.remembered(service, session, client, waiting.request):
            return await consent.allow(service, waiting, session, origin)
        step = _asks_for_consent(client, waiting)
    elif isinstance(step, Show):
        step = _asks_to_log_in(step)
    return await refuse(service, waiting.request, step, origin)


def _asks_to_log_in(step: Show) -> ProtocolError:
    if step.page == "login":
        return ProtocolError("login_required", "the end user has to log in", "prompt_none_login")
    return ProtocolError("interaction_required", "the end user has to prove a second factor", "prompt_none_acr")


def _asks_for_consent(client: KnownClient, waiting: Pending) -> ProtocolError:
    if may_be_silent(public=client.state.metadata.public, redirect_uri=waiting.request.redirect_uri):
        return ProtocolError("consent_required", "the end user has to consent", "prompt_none_consent")
    return ProtocolError("interaction_required", "nothing proves who this client is", "prompt_none_client")


def _unmet() -> ProtocolError:
    # OpenID Connect Core Error Code unmet_authentication_requirements 1.0, 2: "The Authorization Server is unable to meet the
    # requirements of the Relying Party for the authentication of the End-User."
    return ProtocolError(
        "unmet_authentication_requirements", "the authentication that is asked for is not possible", "acr_unmet"
    )
