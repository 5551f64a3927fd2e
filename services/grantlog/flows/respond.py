"""What follows from a finding: list what it touches, and tell people. The family itself was dead before any of this ran.

Both are tasks keyed by the position of the event they follow from; they happen at least once and count once.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from structlog import get_logger

from grantlog import metrics
from grantlog.core.grant.events import ReuseDetected
from grantlog.core.grant.state import GrantState, evolve, live_tokens
from grantlog.core.identifiers import StreamId, seconds
from grantlog.core.incident.decide import FindingKind, Outcome, Record, list_families, notify, record
from grantlog.core.incident.state import IncidentState
from grantlog.flows.dispatch import task_key
from grantlog.flows.incidents import append_to, incident_of
from grantlog.ports import Ports, UnavailableError

REUSE = ("refresh_reuse", "code_replay")
"""Kinds whose families are listed before anybody is told."""
FAMILIES_READ = 1000
HANDLER_FAMILIES, HANDLER_NOTIFY = "families", "notify"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where findings are posted, and the key that signs them; None: they are not signed."""

    url: str
    secret: bytes | None = field(repr=False)


def webhook_of(url: str | None, secret: str | None) -> Webhook | None:
    """The webhook that is configured; None where there is none."""
    return None if url is None else Webhook(url, None if secret is None else secret.encode())


async def families(ports: Ports, position: int, stream: StreamId, version: int) -> int:
    """After a reuse: records the finding as an incident, and which other families may be in the same hands."""
    cause = await ports.log.event_at(stream, version)
    if cause is None or not isinstance(cause.event, ReuseDetected):
        return 0
    grant, issued, live = await _before(ports, stream, version)
    kind: FindingKind = "code_replay" if cause.event.credential == "authorization_code" else "refresh_reuse"
    finding = Record(
        kind=kind,
        severity="critical",
        grant=stream,
        client_id=grant.client_id,
        account=grant.account,
        detail=(
            ("cause", cause.event.cause),
            ("presented_version", str(cause.event.presented_version)),
            ("session", "" if grant.session is None else str(grant.session)),
            ("tokens_issued", str(issued)),
            ("tokens_live", str(live)),
        ),
    )
    incident = incident_of(HANDLER_FAMILIES, cause)
    if await append_to(
        ports, incident, lambda state: record(state, finding, cause.recorded_at), HANDLER_FAMILIES, position
    ):
        metrics.FINDINGS.labels(kind).inc()
    touched = await _touched(ports, stream, grant)
    await append_to(
        ports, incident, lambda state: list_families(state, touched, len(touched)), HANDLER_FAMILIES, position
    )
    return 0


async def _before(ports: Ports, stream: StreamId, version: int) -> tuple[GrantState, int, int]:
    """The grant as the reuse met it, how many access tokens it had issued, and how many of them were alive."""
    state: GrantState | None = None
    hashes: set[bytes] = set()
    at = ports.log.now()
    for recorded in await ports.log.history(stream):
        if recorded.version == version:
            at = recorded.recorded_at
            break
        state = evolve(state, recorded.event, recorded.version)
        hashes.update(token.hash for token in state.tokens)
    if state is None:
        raise ValueError("a reuse cannot begin a grant")
    return state, len(hashes), len(live_tokens(state, at))


async def _touched(ports: Ports, stream: StreamId, grant: GrantState) -> list[UUID]:
    """The family, then those of its session, then those of its account, newest first; the dead ones are left out."""
    found: dict[UUID, None] = {stream: None}
    for rows in (
        () if grant.session is None else await ports.queries.families(session=grant.session, limit=FAMILIES_READ),
        () if grant.account is None else await ports.queries.families(account=grant.account, limit=FAMILIES_READ),
    ):
        found.update((row.stream, None) for row in rows if row.revoked is None)
    return list(found)


async def tell(ports: Ports, webhook: Webhook | None, position: int, stream: StreamId, version: int) -> int:
    """Tells people of a finding: on the log of this process, and by webhook where one is configured.

    ``version`` is that of the event which brings us here. Of a reuse we speak when its families are listed.

    The receiver may hear twice, with the same ``Idempotency-Key``. Raises UnavailableError where it does not take it.
    """
    incident = (await ports.log.load(stream)).state
    if not isinstance(incident, IncidentState):
        return 0
    if incident.kind in REUSE and version == 1:
        return 0
    if not _told(incident, "log"):
        _log.warning("incident", incident=str(stream), **_public(incident))
        await _notified(ports, stream, "log", "delivered", position)
    if webhook is not None and not _told(incident, "webhook"):
        await _post(ports, webhook, task_key(HANDLER_NOTIFY, position), stream, incident)
        await _notified(ports, stream, "webhook", "delivered", position)
    return 0


async def give_up(ports: Ports, position: int, stream: StreamId) -> None:
    """Records that nobody could be told by webhook."""
    if isinstance((await ports.log.load(stream)).state, IncidentState):
        await _notified(ports, stream, "webhook", "failed", position)


def _told(incident: IncidentState, channel: str) -> bool:
    return any(told.channel == channel and told.outcome == "delivered" for told in incident.notifications)


async def _notified(ports: Ports, stream: StreamId, channel: str, outcome: Outcome, position: int) -> None:
    await append_to(
        ports, stream, lambda state: notify(state, channel, outcome), f"{HANDLER_NOTIFY}.{channel}", position
    )


async def _post(ports: Ports, webhook: Webhook, key: str, stream: StreamId, incident: IncidentState) -> None:
    body = msgspec.json.encode({"incident": stream, **_public(incident)}, order="sorted")
    # The key is the same at every attempt.
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if webhook.secret is not None:
        moment = seconds(ports.log.now())
        # Over the moment too, so that a receiver can refuse an old message that somebody plays back.
        signature = hmac.new(webhook.secret, b"%d." % moment + body, hashlib.sha256).hexdigest()
        headers["Grantlog-Signature"] = f"t={moment},v1={signature}"
    status = await ports.egress.post(webhook.url, body, headers)
    if not 200 <= status < 300:
        raise UnavailableError(f"the webhook answered {status}")


def _public(incident: IncidentState) -> dict[str, object]:
    """What is told of an incident: ids and stable words."""
    return {
        "kind": incident.kind,
        "severity": incident.severity,
        "grant": incident.grant,
        "client_id": incident.client_id,
        "account": incident.account,
        "detail": dict(incident.detail),
        "families": list(incident.families),
        "families_count": incident.families_count,
    }
