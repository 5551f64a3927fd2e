"""Commands of operators, run against a running application."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from tests.support.app import INITIAL_ACCESS_TOKEN, RESOURCES, Running

from grantlog.cli import grantlog

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def environment(app: Running) -> dict[str, str]:
    settings = app.settings
    assert settings.root_keys is not None
    return {
        "GRANTLOG_DEV": "true",
        "GRANTLOG_ISSUER": settings.issuer,
        "GRANTLOG_DATABASE_URL": settings.database_url.get_secret_value(),
        "GRANTLOG_REDIS_URL": settings.redis_url.get_secret_value(),
        "GRANTLOG_ROOT_KEYS": settings.root_keys.get_secret_value(),
        "GRANTLOG_RESOURCES": json.dumps([resource.model_dump() for resource in RESOURCES]),
        "GRANTLOG_INITIAL_ACCESS_TOKEN": INITIAL_ACCESS_TOKEN,
        "GRANTLOG_PROJECTION_LEASE": "2",
    }


@pytest.fixture(scope="module")
def logs_apart(app: Running) -> Iterator[None]:
    """The application runs in this process, and would log into the output of the commands."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def command(environment: dict[str, str], logs_apart: None) -> Command:  # as long as commands run
    def run(*words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(grantlog, list(words), input=stdin, env=environment)

    return run


@pytest.fixture(scope="module")
def answer(command: Command) -> Callable[..., Any]:
    """The JSON document that a command prints."""

    def run(*words: str, stdin: str = "") -> Any:
        result = command(*words, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run
