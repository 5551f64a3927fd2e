"""Tokens that were presented lately are recalled, within bounds, and nothing else is."""

from uuid import UUID

from tests.support.memory_service import memory_process

from grantlog.adapters.memory.secrets import MemorySecrets
from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind, write
from grantlog.flows.locate import locate
from grantlog.flows.recent_tokens import REMEMBERED, Located, RecentTokens, key_of

HANDLE = Handle(Kind.ACCESS, StreamId(UUID(int=1)), 1, 2_000_000_000)
LOCATED = Located(HANDLE, bytes(32))


def test_what_is_asked_for_again_and_again_outlives_what_is_not() -> None:
    recent = RecentTokens()
    recent.remember(b"wanted", LOCATED)
    recent.remember(b"forgotten", LOCATED)
    for round_ in range(3):
        for number in range(REMEMBERED - 1):
            recent.remember(f"{round_}.{number}".encode(), LOCATED)
        assert recent.recall(b"wanted") is LOCATED
    assert recent.recall(b"forgotten") is None


def test_at_most_two_generations_are_kept() -> None:
    recent = RecentTokens()
    for number in range(5 * REMEMBERED):
        recent.remember(str(number).encode(), LOCATED)
    assert sum(recent.recall(str(number).encode()) is not None for number in range(5 * REMEMBERED)) <= 2 * REMEMBERED


def test_a_text_without_bytes_has_a_key_like_any_other() -> None:
    assert key_of("\ud800") != key_of("\udfff")


async def test_a_token_is_read_once_and_a_tampered_one_never_recalled() -> None:
    async with memory_process() as process:
        service = process.service
        secrets = service.ports.secrets
        assert isinstance(secrets, MemorySecrets)
        text = write(HANDLE, secrets.random(SECRET_BYTES), secrets.token_mac_keys()[0], service.policy.token_prefix)
        first = locate(service, text)
        assert first is not None
        assert first.handle == HANDLE
        assert locate(service, text) is first
        swapped = text[:-1] + ("0" if text[-1] != "0" else "1")
        assert locate(service, swapped) is None
        assert locate(service, swapped) is None


async def test_no_presented_text_is_kept() -> None:
    async with memory_process() as process:
        service = process.service
        secrets = service.ports.secrets
        text = write(HANDLE, secrets.random(SECRET_BYTES), secrets.token_mac_keys()[0], service.policy.token_prefix)
        locate(service, text)
        kept = service.recent.recall(key_of(text))
        assert kept is not None
        assert text not in repr(vars(service.recent))
