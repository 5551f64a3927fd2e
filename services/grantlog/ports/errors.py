"""What every port may raise."""


class UnavailableError(Exception):
    """A store cannot answer now. The request ends as 503 with ``Retry-After`` (seconds); nothing was guessed."""

    def __init__(self, what: str, retry_after: int = 1) -> None:
        super().__init__(what)
        self.retry_after = retry_after
