"""The SQL that this package runs: one statement a file, in ``sql/``."""

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The text of ``sql/<name>.sql``."""
    return (files("grantlog.adapters.postgres") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
