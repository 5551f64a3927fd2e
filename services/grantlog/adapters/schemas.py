"""JSON Schemas (2020-12) of authorization details: compiled once, matched in time that grows with the text alone."""

from collections.abc import Callable, Mapping
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

_BYTES = 1 << 20
"""What one compiled pattern may take."""


class SchemaError(ValueError):
    """A schema that the operator configured cannot be used."""


def compiled(schema: Mapping[str, Any], name: str) -> Callable[[object], bool]:
    """Whether a value conforms to ``schema``. Raises SchemaError where it is none, or refers to one somewhere else."""
    try:
        # the linear engine: it knows no look-around and no back-references, so no pattern of it can be made to backtrack
        validator = Draft202012Validator(
            dict(schema),
            validate_formats=True,
            offline=True,
            pattern_options=RegexOptions(size_limit=_BYTES, dfa_size_limit=_BYTES),
        )
    except (ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise SchemaError(f"the schema of the authorization details {name} cannot be used: {reason}") from error

    def conforms(value: object) -> bool:
        return validator.is_valid(value)

    return conforms
