"""A grant under any order of commands keeps its laws (RFC 9700 section 4.14.2; design promises 1, 3 and 10)."""

from dataclasses import dataclass

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.grants import (
    CLIENT,
    KEY,
    NOW,
    OTHER_KEY,
    SESSION,
    STRANGER,
    access,
    authorized,
    beside,
    hashed,
    redeem,
    redeemed,
    renewed,
    rotated,
)
from tests.support.grants import spend as presenting

from grantlog.core.decision import NEVER, GateKind, Refused, Stamp
from grantlog.core.grant.children import closes, family_gate, issue_child, token_gate
from grantlog.core.grant.decide import (
    GraceRules,
    Issue,
    IssueBeside,
    Refresh,
    Renew,
    Repeat,
    redeem_code,
    refresh,
    revoke_access_token,
    revoke_family,
)
from grantlog.core.grant.events import Confirmation
from grantlog.core.grant.standing import Active, Gate, closed_gate, family_of, standing
from grantlog.core.grant.state import LIVE_TOKENS_LIMIT, GrantState, evolve, live_tokens
from grantlog.core.identifiers import MICROS, ClientId, after

RULES = GraceRules(window=10)
DIGESTS = strategies.sampled_from([b"request", b"other", b"third"])
CLIENTS = strategies.sampled_from([CLIENT, CLIENT, CLIENT, STRANGER])
KEYS = strategies.sampled_from([None, KEY, KEY, OTHER_KEY])
RARELY, MOSTLY = (
    strategies.sampled_from([False, False, False, True]),
    strategies.sampled_from([True, True, True, False]),
)
PARENT = SESSION
PICKS = strategies.sampled_from([0, 0, 1, 1, 2, 5])


@dataclass(frozen=True, slots=True)
class Held:
    """A refresh token in somebody's hands, and the version that issued it."""

    secret: str
    version: int


class GrantMachine(RuleBasedStateMachine):
    """Everybody who ever held a credential of the family tries it, in any order, while time passes."""

    state: GrantState

    @initialize(
        lifetime=strategies.sampled_from([1_000, 100_000]),
        bound=strategies.sampled_from([None, KEY]),
        rotates=MOSTLY,
        at_once=MOSTLY,
    )
    def authorize(self, lifetime: int, bound: Confirmation | None, rotates: bool, at_once: bool) -> None:
        self.now, self.bound, self.rotates = NOW, bound, rotates
        self.gates: dict[tuple[GateKind, str], Gate] = {}
        self.children: list[tuple[str, tuple[Stamp, ...]]] = []
        self.state = evolve(None, authorized(lifetime=lifetime), 1)
        self.held: list[Held] = []
        self.access_tokens: dict[str, int] = {}
        self.dead: set[str] = set()
        self.answered: dict[tuple[int, bytes], int] = {}
        self.redemptions = 0
        self.spent: set[int] = set()
        if at_once:
            self.redeem(proven=True, client=CLIENT, renewable=True)

    def append(self, event: object) -> None:
        gate = closes(PARENT, self.state, event)
        if gate is not None:
            self.gates[gate.kind, gate.id] = Gate(gate.kind, gate.id, self.epoch((gate.kind, gate.id)) + 1, NEVER)
        self.state = evolve(self.state, event, self.state.version + 1)  # type: ignore[arg-type]  # an event of a grant
        if self.state.revoked is not None:
            self.dead = set(self.access_tokens)

    def issued(self, access_secret: str, refresh_secret: str | None) -> None:
        self.access_tokens[access_secret] = access(access_secret, at=self.now).expires_at
        if refresh_secret is not None:
            self.held.append(Held(refresh_secret, self.state.version))

    def epoch(self, gate: tuple[GateKind, str]) -> int:
        known = self.gates.get(gate)
        return 0 if known is None else known.epoch

    def next_secrets(self) -> tuple[str, str]:
        return f"a{self.state.version + 1}", f"r{self.state.version + 1}"

    @rule(passed=strategies.sampled_from([0, 1, 4, 9, 100, 400]))
    def time_passes(self, passed: int) -> None:
        self.now = after(self.now, passed)

    @rule(proven=MOSTLY, client=CLIENTS, renewable=MOSTLY, replayed=RARELY)
    def present_the_code(self, proven: bool, client: ClientId, renewable: bool, replayed: bool) -> None:
        if not (self.redemptions and not replayed):
            self.redeem(proven=proven, client=client, renewable=renewable)

    def redeem(self, *, proven: bool, client: ClientId, renewable: bool) -> None:
        before = self.state
        decision = redeem_code(self.state, redeem(client=client, challenge=_challenge(proven=proven)), self.now)
        if decision.answer == Issue():
            access_secret, refresh_secret = self.next_secrets()
            self.append(
                redeemed(access_secret, refresh_secret if renewable else None, at=self.now, confirmation=self.bound)
            )
            self.issued(access_secret, refresh_secret if renewable else None)
            self.redemptions += 1
        elif decision.event is not None:
            self.append(decision.event)
        if not proven or client != CLIENT:
            assert isinstance(decision.answer, Refused)
            assert self.state == before

    @precondition(lambda self: self.held)
    @rule(
        pick=PICKS,
        client=CLIENTS,
        digest=DIGESTS,
        forged=RARELY,
        same_key=MOSTLY,
        proven=KEYS,
    )
    def present_a_refresh_token(
        self, pick: int, client: ClientId, digest: bytes, forged: bool, same_key: bool, proven: Confirmation | None
    ) -> None:
        before, held = self.state, self.held[-1 - pick % len(self.held)]
        command = presenting(
            "guess" if forged else held.secret,
            held.version,
            client=client,
            issued=held.secret,
            digest=digest,
            authentication="client_secret_basic:0" if same_key else "client_secret_basic:1",
            confirmation=proven,
            issued_confirmation=self.bound,
            rotates=self.rotates,
        )
        decision = refresh(self.state, command, self.now, RULES)
        match decision.answer:
            case Issue():
                assert held.version not in self.spent
                self.spent.add(held.version)
                access_secret, refresh_secret = self.next_secrets()
                self.append(
                    rotated(
                        access_secret,
                        refresh_secret,
                        spent=held.version,
                        at=self.now,
                        digest=digest,
                        authentication=command.client_authentication,
                        confirmation=self.bound,
                    )
                )
                self.answered[held.version, digest] = self.state.version
                self.issued(access_secret, refresh_secret)
            case Renew():
                assert not self.rotates
                assert held.version not in self.spent
                access_secret, _ = self.next_secrets()
                self.append(renewed(access_secret, at=self.now))
                self.issued(access_secret, None)
            case IssueBeside():
                assert (held.version, digest) not in self.answered
                assert decision.answer.sealed_at == self.held[-1].version
                access_secret, _ = self.next_secrets()
                self.append(beside(access_secret, digest, at=self.now))
                self.answered[held.version, digest] = self.state.version
                self.issued(access_secret, None)
            case Repeat():
                assert decision.answer.version == self.answered[held.version, digest]
            case Refused():
                if decision.event is not None:
                    assert held.version in self.spent
                    self.append(decision.event)
        if forged or client != CLIENT or (self.bound is not None and proven != self.bound):
            assert isinstance(decision.answer, Refused)
            assert self.state == before

    @precondition(lambda self: self.access_tokens)
    @rule(pick=PICKS)
    def exchange_an_access_token(self, pick: int) -> None:
        secrets = list(self.access_tokens)
        secret = secrets[-1 - pick % len(secrets)]
        alive = isinstance(standing(family_of(self.state), hashed(secret), self.now, self.gates), Active)
        gates = (family_gate(PARENT), token_gate(hashed(secret)))
        stamps = tuple(Stamp(*gate, self.epoch(gate)) for gate in gates)
        decision = issue_child(self.state, SESSION, hashed(secret), self.now, self.gates)
        assert (decision.event is not None) == alive
        if decision.event is not None:
            self.append(decision.event)
            self.children.append((secret, stamps))

    @precondition(lambda self: self.access_tokens)
    @rule(pick=PICKS, client=CLIENTS)
    def revoke_one_access_token(self, pick: int, client: ClientId) -> None:
        secrets = list(self.access_tokens)
        secret = secrets[-1 - pick % len(secrets)]
        decision = revoke_access_token(self.state, client, hashed(secret))
        if decision.event is not None:
            assert client == CLIENT
            self.append(decision.event)
        if client == CLIENT:
            self.dead.add(secret)

    @precondition(lambda self: self.redemptions)
    @rule(client=CLIENTS, really=strategies.integers(min_value=0, max_value=9))
    def revoke_the_family(self, client: ClientId, really: int) -> None:
        if really:
            return
        decision = revoke_family(self.state, client, "wish")
        if decision.event is not None:
            assert client == CLIENT
            self.append(decision.event)

    def presented(self, held: Held) -> Refresh:
        return presenting(
            held.secret,
            held.version,
            issued=held.secret,
            confirmation=self.bound,
            issued_confirmation=self.bound,
            rotates=self.rotates,
        )

    @invariant()
    def a_child_dies_with_its_parent_or_its_family_and_never_by_another(self) -> None:
        for secret, stamps in self.children:
            closed = closed_gate(stamps, self.now, self.gates) is not None
            expired = self.access_tokens[secret] <= self.now // MICROS
            assert closed == (secret in self.dead) or expired

    @invariant()
    def the_code_is_redeemed_once(self) -> None:
        assert self.redemptions <= 1

    @invariant()
    def at_most_one_refresh_token_can_be_spent(self) -> None:
        spendable = [
            held
            for held in self.held
            if isinstance(refresh(self.state, self.presented(held), self.now, RULES).answer, Issue | Renew)
        ]
        assert len(spendable) <= 1
        assert self.state.revoked is None or not spendable

    @invariant()
    def what_was_revoked_is_never_alive_again(self) -> None:
        family = family_of(self.state)
        for secret in self.dead:
            assert not isinstance(standing(family, hashed(secret), self.now, {}), Active)
        if self.state.revoked is not None:
            assert self.dead == set(self.access_tokens)

    @invariant()
    def what_is_neither_revoked_nor_expired_is_alive(self) -> None:
        family, alive = family_of(self.state), 0
        for secret in self.access_tokens:
            alive += isinstance(standing(family, hashed(secret), self.now, {}), Active)
        assert alive == len(live_tokens(self.state, self.now))

    @invariant()
    def the_family_holds_so_many_tokens_at_most_and_its_tombstone_outlives_all_it_ever_issued(self) -> None:
        assert len(self.state.tokens) <= LIVE_TOKENS_LIMIT
        assert self.state.last_expiry >= max(self.access_tokens.values(), default=0)


def _challenge(*, proven: bool) -> str:
    return authorized().code_challenge if proven else "x" * 43


GrantMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestGrant = GrantMachine.TestCase
