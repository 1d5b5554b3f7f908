"""Checks values against the schemas of a document, with a library that shares no code with ours."""

from typing import Any

from jsonschema import Draft202012Validator


def problems(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with ``value``, in words."""
    whole = {**schema, "components": document["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def shape(value: Any) -> Any:
    """The names in a value, whatever stands beside them."""
    match value:
        case dict():
            return {name: shape(one) for name, one in value.items()}
        case list():
            return [shape(one) for one in value]
    return type(value).__name__
