"""What the processes of ``grantlog dev`` are told, by environment: secrets never stand on a command line."""

from collections.abc import Mapping
from dataclasses import dataclass

from grantlog.adapters.embedded.ports import HOST, NoPortError, any_port, free_port, is_free
from grantlog.development.catalogue import demo_settings
from grantlog.development.demo import LEASE_SECONDS
from grantlog.development.layout import Kept

ISSUER_PORT = 8000
METRICS_PORT = 9464
ROLES = ("issuer", "introspection", "tail", "worker", "beat")
"""The processes, by the name that their metrics carry as ``worker``."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are: embedded ones, or those the environment names."""

    database_url: str
    redis_url: str
    broker_url: str

    def __repr__(self) -> str:
        return "Stores(…)"


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of one run."""

    issuer: int
    introspection: int
    metrics: int
    own_metrics: Mapping[str, int]
    """Each process's own metrics listener."""
    moved: tuple[str, ...]
    """What could not have its usual port, in words."""


def choose_ports(environ: Mapping[str, str], kept: Kept) -> Ports:
    """Picks ports. Raises NoPortError when the one in ``GRANTLOG_PORT`` is taken or is none.

    Without it: the port of the last run, so that the issuer keeps its name; else the first free one from 8000.
    """
    moved: list[str] = []
    asked = environ.get("GRANTLOG_PORT")
    if asked:
        issuer = _asked_for(asked)
    else:
        usual = int(kept.read().get("issuer_port", ISSUER_PORT))
        issuer = free_port(usual)
        if issuer != usual:
            moved.append(f"port {usual} is taken: the issuer is on {issuer} instead")
    introspection = free_port(issuer + 1)
    usual_metrics = int(environ.get("GRANTLOG_METRICS_PORT") or METRICS_PORT)
    metrics = free_port(usual_metrics, taken=(issuer, introspection))
    if metrics != usual_metrics:
        moved.append(f"port {usual_metrics} is taken: metrics are on {metrics} instead")
    taken = [issuer, introspection, metrics]
    own: dict[str, int] = {}
    for role in ROLES:
        own[role] = any_port(taken)
        taken.append(own[role])
    kept.remember(issuer_port=str(issuer))
    return Ports(issuer, introspection, metrics, own, tuple(moved))


def settings_environment(
    environ: Mapping[str, str], stores: Stores, ports: Ports, root_keys: str, secrets: Mapping[str, str]
) -> dict[str, str]:
    """The environment every process shares. What ``environ`` says about ordinary settings wins over the demo's.

    ``secrets``: those of this checkout.
    """
    demo = {
        "GRANTLOG_ISSUER": f"http://{HOST}:{ports.issuer}",
        **demo_settings(secrets["issuer_key"]),
        "GRANTLOG_PROJECTION_LEASE": LEASE_SECONDS,
        "GRANTLOG_EGRESS_PRIVATE": "true",
        "GRANTLOG_INITIAL_ACCESS_TOKEN": secrets["initial_access_token"],
        **({} if "GRANTLOG_ROOT_KEYS" in environ else {"GRANTLOG_ROOT_KEYS_FILE": root_keys}),
    }
    fixed = {
        "GRANTLOG_DEV": "true",
        "GRANTLOG_HOST": HOST,
        "GRANTLOG_PORT": str(ports.issuer),
        "GRANTLOG_METRICS_HOST": HOST,
        "GRANTLOG_DATABASE_URL": stores.database_url,
        "GRANTLOG_REDIS_URL": stores.redis_url,
        "GRANTLOG_BROKER_URL": stores.broker_url,
        "PYTHONUNBUFFERED": "1",
    }
    return {**demo, **environ, **fixed}


def role_environment(shared: Mapping[str, str], ports: Ports, role: str) -> dict[str, str]:
    """The environment of one process: its port, its metrics listener, its name."""
    port = ports.introspection if role == "introspection" else ports.issuer
    return {
        **shared,
        "GRANTLOG_PORT": str(port),
        "GRANTLOG_METRICS_PORT": str(ports.own_metrics[role]),
        "GRANTLOG_WORKER_NAME": role,
    }


def _asked_for(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65534:
        raise NoPortError(f"GRANTLOG_PORT is not a port: {text!r}")
    if not is_free(int(text)):
        raise NoPortError(f"GRANTLOG_PORT={text} is taken by another process; choose another or leave it unset")
    return int(text)
