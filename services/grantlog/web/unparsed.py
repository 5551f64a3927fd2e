"""What the HTTP library says by itself: to a peer whose bytes are no request, and to the log. No route has seen those.

Its own words hold what was sent (a code in a URL, a header with a secret), the peer's address, and which versions run here.
"""

import logging
from traceback import extract_tb

from aiohttp import web, web_response
from structlog import get_logger

SERVER = "Grantlog"
_LIBRARY = logging.getLogger("aiohttp.server")
_log = get_logger(__name__)


def keep_to_ourselves() -> None:
    """From now on the library names no version in ``Server`` and writes nothing of a request. Safe to call again."""
    # The library has no setting for it, and answers what it cannot parse without asking the application.
    web_response.SERVER_SOFTWARE = SERVER  # type: ignore[attr-defined]  # a constant of the module, no part of its API
    _LIBRARY.addFilter(_FILTER)


class _Reworded(logging.Filter):
    """Writes a line of our own for each of the library's that is about an error: what it was and where, not what with."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False: the library's own line is not written."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        reason = type(error).__name__
        status = getattr(error, "code", None)
        if isinstance(error, web.RequestPayloadError | ConnectionError) or (isinstance(status, int) and status < 500):
            # Whoever sends junk, or hangs up, is no fault of ours.
            _log.info("unreadable", reason=reason)
        else:
            _log.error(
                "failed", reason=reason, at=[f"{f.filename}:{f.lineno}" for f in extract_tb(error.__traceback__)]
            )
        return False


_FILTER = _Reworded()
