"""Lua scripts as files: sent by their digest, whole only where the server does not know them."""

from hashlib import sha1
from importlib import resources
from typing import Any

from grantlog.adapters.redis.connection import Connection
from grantlog.adapters.redis.wire import Argument, CommandError


class Script:
    """One file of ``lua/``. All keys of a call lie behind one tag, so that they lie in one slot of a cluster."""

    def __init__(self, name: str) -> None:
        self.text = (resources.files(__package__) / "lua" / f"{name}.lua").read_text("utf-8")
        self.digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, connection: Connection, keys: tuple[bytes, ...], *arguments: Argument) -> Any:
        """EVALSHA; EVAL on NOSCRIPT. Raises CommandError, UnavailableError."""
        try:
            return await connection.execute(b"EVALSHA", self.digest, len(keys), *keys, *arguments)
        except CommandError as error:
            if error.code != "NOSCRIPT":
                raise
        return await connection.execute(b"EVAL", self.text, len(keys), *keys, *arguments)
