"""Types → JSON Schema."""

from gateway.http.documents.schemas import reference, schemas_of
from gateway.http.v1.ticks import NewestTick, NewestTicks, NoTickYet
from gateway.protocol.messages import Subscribe


def test_a_schema_has_the_words_of_its_type() -> None:
    """For the type and for each field of it."""
    schema = schemas_of([Subscribe])["Subscribe"]
    assert schema["description"].startswith("Send me these symbols")
    assert all(one["description"] for name, one in schema["properties"].items() if name != "type")
    assert ["subscribe"] == schema["properties"]["type"]["enum"]


def test_a_list_of_types_without_tags_is_any_of_them() -> None:
    """Where the type itself cannot say so."""
    schemas = schemas_of([NewestTicks, NewestTick, NoTickYet], {(NewestTicks, "ticks"): (NewestTick, NoTickYet)})
    expected = [{"$ref": "#/components/schemas/NewestTick"}, {"$ref": "#/components/schemas/NoTickYet"}]
    assert {"anyOf": expected} == schemas["NewestTicks"]["properties"]["ticks"]["items"]
    assert expected == [reference(NewestTick), reference(NoTickYet)]
