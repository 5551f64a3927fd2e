"""What an operator sees: every metric of the program, by name. Never a token, a user or an address in a label.

Each process has a registry of its own; the label ``worker`` is added where the registry is shown (one place, one value).
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

HTTP_REQUESTS = Counter(
    "grantlog_http_requests", "Answered requests.", ("route", "method", "status"), registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "grantlog_http_request_duration_seconds", "Time to answer.", ("route",), buckets=_FAST, registry=REGISTRY
)
TOKENS_ISSUED = Counter("grantlog_tokens_issued", "Tokens issued.", ("kind", "grant"), registry=REGISTRY)
REFRESH = Counter("grantlog_refresh", "Refresh requests by what became of them.", ("outcome",), registry=REGISTRY)
REFUSED = Counter("grantlog_refused", "Refusals by their private reason.", ("endpoint", "reason"), registry=REGISTRY)
INTROSPECTIONS = Counter("grantlog_introspections", "Introspected tokens.", ("result", "source"), registry=REGISTRY)
REVOCATIONS = Counter("grantlog_revocations", "Revocations on the log.", ("scope", "cause"), registry=REGISTRY)
REVOKE_TO_DENY = Histogram(
    "grantlog_revoke_to_deny_seconds",
    "From the commit of a revocation to its acknowledgement by the projection.",
    buckets=_FAST,
    registry=REGISTRY,
)
FINDINGS = Counter("grantlog_findings", "Suspicious things that were recorded.", ("kind",), registry=REGISTRY)
THROTTLED = Counter("grantlog_throttled", "Requests answered 429.", ("rule",), registry=REGISTRY)
DEVICE = Counter("grantlog_device", "Device authorizations by what became of them.", ("outcome",), registry=REGISTRY)
UPSTREAM = Counter(
    "grantlog_upstream_logins",
    "Logins by another OpenID provider, by what became of them.",
    ("outcome",),
    registry=REGISTRY,
)
DELEGATED = Counter(
    "grantlog_delegated_logins", "Logins by the operator's own application.", ("outcome",), registry=REGISTRY
)
LOGINS = Counter("grantlog_logins", "Login attempts.", ("outcome",), registry=REGISTRY)
SECOND_FACTORS = Counter(
    "grantlog_second_factors",
    "Proofs by a second factor, or a passkey alone.",
    ("factor", "outcome"),
    registry=REGISTRY,
)
FACTOR_CHANGES = Counter("grantlog_factor_changes", "Changes of how somebody logs in.", ("change",), registry=REGISTRY)
BACKCHANNEL_LOGOUTS = Counter(
    "grantlog_backchannel_logouts", "Logout tokens by what became of them.", ("outcome",), registry=REGISTRY
)

APPEND_BATCH_SIZE = Histogram("grantlog_append_batch_size", "Rows in one append.", buckets=_SIZES, registry=REGISTRY)
APPEND_SECONDS = Histogram("grantlog_append_seconds", "Time of one append.", buckets=_FAST, registry=REGISTRY)
APPEND_CONFLICTS = Counter("grantlog_append_conflicts", "Appends that lost their version.", registry=REGISTRY)

PROJECTION_LAG_EVENTS = Gauge(
    "grantlog_projection_lag_events", "Events the tail has yet to apply.", ("log",), registry=REGISTRY
)
PROJECTION_LAG_SECONDS = Gauge(
    "grantlog_projection_lag_seconds", "Age of the oldest event the tail has yet to apply.", registry=REGISTRY
)
PROJECTION_TRUSTED = Gauge(
    "grantlog_projection_trusted", "1 while this process believes the projection.", ("tag",), registry=REGISTRY
)
PROJECTION_MISMATCHES = Counter(
    "grantlog_projection_mismatches",
    "Families whose projection differed from the log, and were repaired.",
    registry=REGISTRY,
)
LOG_GAPS = Counter("grantlog_log_gaps", "Positions missing on the log. Never.", ("log",), registry=REGISTRY)

JOB_LAST_RUN = Gauge(
    "grantlog_job_last_run_timestamp_seconds", "When the job last ended well.", ("job",), registry=REGISTRY
)
JOB_BACKLOG = Gauge("grantlog_job_backlog", "What the job left undone at its last run.", ("job",), registry=REGISTRY)
JOB_SECONDS = Histogram(
    "grantlog_job_seconds",
    "Time of one run.",
    ("job", "outcome"),
    buckets=(0.01, 0.05, 0.25, 1, 5, 30, 60),
    registry=REGISTRY,
)
