"""Requests that nobody wrote, made of the document: no 5xx, and no answer that it does not describe."""

from pathlib import Path

import schemathesis
from schemathesis.core.result import Ok

DOCUMENT = Path(__file__).parents[2] / "schema/http/openapi.yaml"
SCHEMA = schemathesis.openapi.from_path(DOCUMENT)
EXAMPLES = 12
OPERATIONS = sorted(
    (found.ok().method.upper(), found.ok().path) for found in SCHEMA.get_all_operations() if isinstance(found, Ok)
)
