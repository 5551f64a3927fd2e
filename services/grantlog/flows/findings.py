"""Suspicious things go on the log as incidents, whoever met them; how many a minute is bounded."""

from structlog import get_logger

from grantlog import metrics
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId, StreamId
from grantlog.core.incident.decide import FindingKind, Record, Severity, record
from grantlog.core.incident.state import evolve
from grantlog.flows.handle import Prepared, begin
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError

_log = get_logger(__name__)


async def record_finding(
    service: Service,
    kind: FindingKind,
    origin: Origin,
    *,
    grant: StreamId | None = None,
    client_id: ClientId | None = None,
    severity: Severity = "warning",
    detail: tuple[tuple[str, str], ...] = (),
) -> None:
    """Appends one finding. Best effort: the request that met it goes on where the log does not answer.

    A flood of the same finding by the same client is counted, and not written again before the throttle lets it.
    """
    metrics.FINDINGS.labels(kind).inc()
    _log.warning("finding", kind=kind, request_id=origin.request_id, grant=str(grant or ""))
    if await service.ports.throttle.hit("finding", kind, client_id or "", str(grant or "")):
        return
    finding = Record(kind=kind, severity=severity, grant=grant, client_id=client_id, detail=detail)
    log = service.ports.log
    try:
        recorded = record(None, finding, log.now())
        await begin(service, log.mint(), evolve, Prepared(event=recorded.event, answer=None), origin)
    except UnavailableError:
        _log.warning("finding_lost", kind=kind, request_id=origin.request_id)
