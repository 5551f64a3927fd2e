"""What a flow is given: the ports, the policy, and what this process remembers."""

from dataclasses import dataclass, field

from grantlog.core.protocol.policy import Policy
from grantlog.flows.callers import Callers
from grantlog.flows.client_directory import ClientDirectory
from grantlog.flows.fallback import Fallback
from grantlog.flows.gate_watch import GateWatch
from grantlog.flows.key_sets import KeySets
from grantlog.flows.recent_tokens import RecentTokens
from grantlog.flows.upstream_providers import UpstreamProviders
from grantlog.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Built by ``wiring.open_service`` only."""

    ports: Ports
    policy: Policy
    gates: GateWatch
    clients: ClientDirectory
    callers: Callers
    fallback: Fallback
    recent: RecentTokens = field(default_factory=RecentTokens)
    keys: KeySets = field(default_factory=KeySets)
    upstream: UpstreamProviders = field(default_factory=UpstreamProviders)
    initial_access_digest: bytes | None = None
    """SHA-256 of the initial access token (RFC 7591 section 3); None: registration is closed."""
