"""Types → JSON Schema (draft 2020-12), with the words that stand beside them."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from gateway.http.documents import words

Schema = dict[str, Any]

REFERENCE: Final = "#/components/schemas/{name}"


def schemas_of(
    kinds: Iterable[type], unions: Mapping[tuple[type, str], Sequence[type]] = MappingProxyType({})
) -> dict[str, Schema]:
    """Name → schema of each of ``kinds``, and of all that they are made of.

    ``unions``: the field of a type is a list of any of these types, which have no tags.
    """
    named = {kind.__name__: kind for kind in kinds}
    _, components = msgspec.json.schema_components(named.values(), ref_template=REFERENCE)
    for name, schema in components.items():
        kind = named.get(name)
        if kind is None:
            continue
        schema["description"] = words.of_class(kind)
        for field, text in words.of_fields(kind).items():
            if field in schema.get("properties", {}):
                schema["properties"][field] = _described(schema["properties"][field], text)
    for (kind, field), members in unions.items():
        components[kind.__name__]["properties"][field]["items"] = {"anyOf": list(map(reference, members))}
    return components


def _described(schema: Schema, text: str) -> Schema:
    # A reference with words beside it is fine in this draft, but some readers take the reference only.
    return {**schema, "description": text}


def reference(kind: type) -> Schema:
    """A reference to the schema of ``kind``."""
    return {"$ref": REFERENCE.format(name=kind.__name__)}
