"""Requests that nobody wrote, made of the document: no 5xx, and no answer that it does not describe."""

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.support.app import Running

DOCUMENT = Path(__file__).parents[2] / "schema/http/openapi.yaml"
SCHEMA = schemathesis.openapi.from_path(DOCUMENT)
EXAMPLES = 12
OPERATIONS = sorted((operation.ok().method.upper(), operation.ok().path) for operation in SCHEMA.get_all_operations())


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(pair) for pair in OPERATIONS])
@pytest.mark.filterwarnings("ignore")  # of the generator's own
def test_what_is_made_of_the_document_is_answered_as_it_says(app: Running, method: str, path: str) -> None:
    operation = SCHEMA[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attack(case: schemathesis.Case) -> None:
        response = case.call(base_url=app.url, allow_redirects=False, timeout=30)
        case.validate_response(
            response,
            checks=(
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ),
        )

    given(case=operation.as_strategy())(attack)()
