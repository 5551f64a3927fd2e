"""The figures: what is measured, and what the project asks of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from statistics import median
from time import perf_counter
from urllib.request import urlopen

from ops.bench import planting
from ops.bench.history import revocations
from ops.bench.load import quantile
from ops.bench.windows import Compared, Load, WrongAnswerError, alternate, window
from ops.bench.world import FEW_ROTATIONS, World
from redis.asyncio import Redis

from grantlog.adapters.redis.layout import family_key, tag_of
from grantlog.flows.locate import locate

ACTIVE = '"active":true'
ISSUED = '"access_token":"gl_at_'
FORM = "application/x-www-form-urlencoded"
BATCH = 100
COMMITTING = 128
"""Connections where both sides issue: a commit is shared by those who wait for it, and 64 leave it half empty."""
DATA_HEADERS = frozenset({"date", "server", "content-length"})
"""Headers that every server writes for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. ``target``: what the project asks for; ``met`` None where it asks nothing."""

    name: str
    value: str
    spread: str = ""
    target: str = ""
    met: bool | None = None


def introspection(world: World) -> list[Figure]:
    """The real path against handlers that do nothing; the projection must have answered every time."""
    port, headers = world.stage.ports["introspection"], {"Authorization": world.guard.basic}
    bodies = [f"token={token}" for token in world.tokens]
    body, fields = _answer(port, "/introspect", bodies[0], headers)
    job = {"body": body, "headers": fields}
    bare, wire = world.stage.stand_in("bare", job), world.stage.stand_in("wire", job)
    watched = world.stage.watched("introspection", "valkey")
    idle = world.stage.watched("bare")
    several = ["&".join(bodies[n : n + BATCH]) for n in range(0, len(bodies) - BATCH + 1, BATCH)]
    strange = [f"token={token}" for token in world.strangers]
    loads = [
        Load("form", bare, "/form", bodies, ACTIVE, headers, watched=idle),
        Load("read", bare, "/read", bodies, ACTIVE, headers, watched=idle),
        Load("real", port, "/introspect", bodies, ACTIVE, headers, watched=watched),
        Load("first", port, "/introspect", strange, ACTIVE, headers, watched=watched),
    ]
    before = _introspections(world)
    compared = alternate(loads, rounds=world.size.rounds, seconds=world.size.seconds)
    batch = window(Load("batch", port, "/introspect/batch", several, ACTIVE, headers), world.size.seconds, 0.2)
    ceiling = window(Load("wire", wire, "/", bodies, ACTIVE, headers), world.size.seconds, 0.2)
    after = _introspections(world)
    elsewhere = sum(after.values()) - sum(before.values()) - after["projection"] + before["projection"]
    if elsewhere:
        raise WrongAnswerError(f"{elsewhere} introspections were not answered by the projection")
    share = compared.median("form", "busy")
    return [
        _ratio("introspection / bare handler with `request.post()`", compared, "real", "form", 0.7),
        _ratio("introspection / bare handler with `request.read()`", compared, "real", "read", None),
        _ratio(
            "introspection of tokens never seen before / bare handler with `request.post()`",
            compared,
            "first",
            "form",
            None,
        ),
        _rate("introspection", compared, "real"),
        _rate("introspection of tokens never seen before", compared, "first"),
        _rate("bare handler with `request.post()`", compared, "form"),
        _rate("bare handler with `request.read()`", compared, "read"),
        Figure(
            name=f"introspection in batches of {BATCH}",
            value=f"{batch.rate * BATCH:,.0f} tokens/s",
            spread=f"{batch.rate * BATCH / compared.rate('real'):.1f} times single",
        ),
        Figure(
            name="load generator alone",
            value=f"{ceiling.rate:,.0f} /s",
            spread=f"busy {share:.0%} of its core with the bare handler",
        ),
    ]


def issuance(world: World) -> list[Figure]:
    """Client credentials with a durable log against the same endpoint without a store; refresh against issuance."""
    headers, stage = {"Authorization": world.client.basic}, world.stage
    port = stage.ports["issuer"]
    form = ["grant_type=client_credentials&scope=api%3Aread"]
    watched = stage.watched("issuer", "postgres", "valkey", "tail")
    loads = [
        Load(
            "storeless",
            stage.ports["forgetful"],
            "/token",
            form,
            ISSUED,
            headers,
            watched=stage.watched("forgetful"),
            connections=COMMITTING,
        ),
        Load("durable", port, "/token", form, ISSUED, headers, watched=watched, connections=COMMITTING),
        Load(
            "refresh",
            port,
            "/token",
            world.refresh_tokens,
            ISSUED,
            headers,
            kind="chain",
            watched=watched,
            connections=COMMITTING,
        ),
    ]
    compared = alternate(loads, rounds=world.size.rounds, seconds=world.size.seconds)
    return [
        _ratio("issuance, durable / without a store", compared, "durable", "storeless", 0.6),
        _ratio("refresh / issuance", compared, "refresh", "durable", 0.5),
        _rate("issuance without a store", compared, "storeless"),
        _rate("issuance, durable", compared, "durable"),
        _rate("refresh", compared, "refresh"),
    ]


def login(world: World) -> list[Figure]:
    """Codes redeemed for tokens and an ID token signed with RS256, each once."""
    headers = {"Authorization": world.client.basic}
    bodies = [planting.redemption(code) for code in world.openid_codes]
    seen = window(
        Load("login", world.stage.ports["issuer"], "/token", bodies, '"id_token":"', headers, kind="once"), 0, 0
    )
    return [
        Figure(
            name="code redemption with an RS256 ID token",
            value=f"{seen.rate:,.0f} /s",
            spread=f"p50 {seen.p50:.1f} ms, p99 {seen.p99:.1f} ms",
        )
    ]


async def revocation(world: World) -> list[Figure]:
    """A family after few and after many rotations; and how soon another process denies what was revoked."""
    issuer = world.stage.ports["issuer"]
    few, many = await revocations(world.database, world.families, issuer, world.client, world.size.samples)
    ratio = median(many) / median(few)
    denied = _revoke_to_deny(world)
    return [
        Figure(
            name=f"revocation after {world.size.rotations:,} / after {FEW_ROTATIONS} rotations",
            value=f"{ratio:.2f}",
            spread=f"medians {median(many) * 1000:.2f} and {median(few) * 1000:.2f} ms",
            target="0.8 to 1.2",
            met=0.8 <= ratio <= 1.2,
        ),
        Figure(
            name="revoke to deny, on another process",
            value=f"p50 {quantile(denied, 0.5) * 1000:.2f} ms",
            spread=f"p99 {quantile(denied, 0.99) * 1000:.2f} ms, {len(denied)} tokens, none active after the answer",
        ),
    ]


def _revoke_to_deny(world: World) -> list[float]:
    """Seconds from sending a revocation to the denial by another process. Raises WrongAnswerError for a stale answer."""
    revoking = HTTPConnection("127.0.0.1", world.stage.ports["issuer"])
    asking = HTTPConnection("127.0.0.1", world.stage.ports["introspection"])
    taken = []
    for token in world.tokens[: world.size.samples]:
        if not _active(asking, token, world.guard.basic):
            raise WrongAnswerError("a token was dead before it was revoked")
        began = perf_counter()
        status, _ = _post(revoking, "/revoke", f"token={token}", world.client.basic)
        if status != 200 or _active(asking, token, world.guard.basic):
            raise WrongAnswerError(f"a revocation was answered {status}, and the token is active")
        taken.append(perf_counter() - began)
    revoking.close()
    asking.close()
    return taken


async def memory(world: World) -> list[Figure]:
    """Bytes in the projection of a family with one access token: by the key, and by what the whole store grows."""
    settings = world.stage.settings
    async with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        before = (await redis.info("memory"))["used_memory"], await redis.dbsize()
        tokens = await planting.access_tokens(world.service, world.client, world.size.tokens)
        after = (await redis.info("memory"))["used_memory"], await redis.dbsize()
        generation = (await world.service.ports.log.head()).projection.generation
        owned = [await _bytes(redis, _key(world, generation, token)) for token in tokens[:100]]
        families = await planting.codes(world.service, world.client, 1, "api:read")
        answer = await planting.ask(world.service, world.client, planting.redemption(families[0]))
        of_user = await _bytes(redis, _key(world, generation, answer["access_token"]))
    grown = (after[0] - before[0]) / (after[1] - before[1])
    largest = max(*owned, of_user)
    return [
        Figure(
            name="bytes of a family with one access token",
            value=f"{largest:.0f}",
            spread=f"client credentials {median(owned):.0f}, user {of_user:.0f}; the store grows by {grown:.0f}",
            target="300 or less",
            met=largest <= 300,
        )
    ]


async def _bytes(redis: Redis, key: bytes) -> int:
    """What a key takes, its name included. Raises WrongAnswerError where it is not there."""
    taken = await redis.memory_usage(key, samples=0)
    if taken is None:
        raise WrongAnswerError("an access token is not in the projection")
    return taken


def _key(world: World, generation: int, token: str) -> bytes:
    """The key of the family that an opaque token names."""
    located = locate(world.service, token)
    assert located is not None
    stream = located.handle.stream
    return family_key(tag_of(stream, world.stage.settings.projection_tags), generation, stream)


def _answer(port: int, path: str, body: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The body and the headers of one real answer."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", path, body, {**headers, "Content-Type": FORM})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != 200 or not json.loads(text)["active"]:
        raise WrongAnswerError(f"a fresh token was answered {answer.status}")
    return text, {name: value for name, value in answer.getheaders() if name.lower() not in DATA_HEADERS}


def _post(connection: HTTPConnection, path: str, body: str, basic: str) -> tuple[int, bytes]:
    connection.request("POST", path, body, {"Authorization": basic, "Content-Type": FORM})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _active(connection: HTTPConnection, token: str, basic: str) -> bool:
    status, body = _post(connection, "/introspect", f"token={token}", basic)
    if status != 200:
        raise WrongAnswerError(f"introspection was answered {status}")
    return bool(json.loads(body)["active"])


def _introspections(world: World) -> dict[str, float]:
    """How many introspections each source has answered, as the process itself counts."""
    counts = {"projection": 0.0, "log": 0.0, "token": 0.0}
    address = f"http://127.0.0.1:{world.stage.ports['introspection metrics']}/metrics"
    with urlopen(address) as answer:  # our own loopback listener
        for line in answer.read().decode().splitlines():
            if line.startswith("grantlog_introspections_total{"):
                source = line.partition('source="')[2].partition('"')[0]
                counts[source] += float(line.rpartition(" ")[2])
    return counts


def _ratio(name: str, compared: Compared, one: str, other: str, least: float | None) -> Figure:
    middle, low, high = compared.ratio(one, other)
    return Figure(
        name=name,
        value=f"{middle:.2f}",
        spread=f"{low:.2f} to {high:.2f}; by processor time {compared.thrift(one, other):.2f}",
        target="" if least is None else f"{least} or more",
        met=None if least is None else middle >= least,
    )


def _rate(name: str, compared: Compared, load: str) -> Figure:
    costs = ", ".join(f"{process} {micros:.0f}" for process, micros in compared.cost(load).items())
    latency = f"p50 {compared.median(load, 'p50'):.1f} ms, p99 {compared.median(load, 'p99'):.1f} ms"
    return Figure(
        name=name, value=f"{compared.rate(load):,.0f} /s", spread=f"{latency}; processor µs a request: {costs}"
    )
