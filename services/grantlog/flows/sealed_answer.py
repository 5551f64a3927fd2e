"""The finished answer to a refresh, sealed so that only who presents the spent token again can have it opened.

Inside the box: the bytes of the answer, and from where the token was spent.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from json import dumps, loads

from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.token_text import Presented
from grantlog.flows.service import Service


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """What the box held."""

    body: bytes
    address: str

    @property
    def refresh_token(self) -> str:
        """The successor refresh token of the answer."""
        token: str = loads(self.body)["refresh_token"]
        return token


def seal(service: Service, presented: Presented, version: int, answer: SealedAnswer) -> bytes:
    """The box for the event at ``version`` of the presented token's stream."""
    plain = dumps({"address": answer.address, "body": b64encode(answer.body).decode()}).encode()
    return service.ports.secrets.seal(presented.secret, _context(presented.handle.stream, version), plain)


async def unseal(service: Service, presented: Presented, version: int) -> SealedAnswer | None:
    """What the box at ``version`` holds; None where it is gone, or the presented token does not open it."""
    box = await service.ports.log.sealed(presented.handle.stream, version)
    if box is None:
        return None
    plain = service.ports.secrets.unseal(presented.secret, _context(presented.handle.stream, version), box)
    if plain is None:
        return None
    members = loads(plain)
    return SealedAnswer(b64decode(members["body"]), members["address"])


def _context(stream: StreamId, version: int) -> bytes:
    return stream.bytes + version.to_bytes(4, "big")
