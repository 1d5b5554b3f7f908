"""The words beside the types."""

from msgspec import Struct

from gateway.http.documents import words
from gateway.http.v1.ticks import NewestTick
from gateway.protocol.messages import Subscribe


def test_fields_have_the_docstrings_below_them() -> None:
    """Also those of a base, and without the marks of a docstring."""
    of_subscribe = words.of_fields(Subscribe)
    assert of_subscribe["snapshot"] == "Whether to send the last value of each symbol at once. Default true."
    assert "its answer repeats it" in of_subscribe["id"]
    assert set(NewestTick.__struct_fields__) == set(words.of_fields(NewestTick))
    assert not any("``" in text or "](" in text for text in of_subscribe.values())


def test_a_class_says_what_it_is() -> None:
    """Each paragraph is one line."""
    first, second = words.of_class(Subscribe).split("\n\n")
    assert first == "Send me these symbols: a snapshot of each now, then every change."
    assert "\n" not in second


def test_other_peoples_types_have_no_words() -> None:
    """Only our own sources are read."""
    assert {} == words.of_fields(Struct)
