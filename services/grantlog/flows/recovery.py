"""Recovery codes: ten of 50 bits, shown once, kept as keyed hashes, each good for one login."""

from grantlog.core.account.factors import RECOVERY_CODES, use_recovery_code
from grantlog.core.account.state import evolve
from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId
from grantlog.flows.handle import handle, plain
from grantlog.flows.service import Service

# Crockford's base 32: no letter looks like a digit, and what is typed for one is taken for the other
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TAKEN_FOR = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})
LENGTH = 10
TYPED_LIMIT = 40


def new_codes(service: Service) -> tuple[str, ...]:
    """Fresh codes as they are shown: two groups of five."""
    return tuple(_code(service.ports.secrets.random(LENGTH)) for _ in range(RECOVERY_CODES))


def hash_of(service: Service, account: StreamId, code: str) -> bytes:
    """The keyed hash of a code, however it was typed; of one account alone."""
    folded = code.lower().translate(_TAKEN_FOR)
    return service.ports.secrets.keyed_hash("recovery code", account.bytes + folded.encode())


async def prove(service: Service, account: StreamId, code: str, origin: Origin) -> bool:
    """Whether ``code`` is an unspent one of the account's; it is spent then. Raises UnavailableError."""
    if len(code) > TYPED_LIMIT:
        return False
    hashed = hash_of(service, account, code)
    done = await handle(service, account, evolve, plain(lambda state: use_recovery_code(state, hashed)), origin)
    return done.answer is None


def _code(noise: bytes) -> str:
    text = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in noise)
    return f"{text[: LENGTH // 2]}-{text[LENGTH // 2 :]}"
