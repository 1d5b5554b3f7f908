"""Unmasking, compiled and not."""

import importlib.util
import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.websocket.framing import masking


def without_aiohttp() -> ModuleType:
    """The module without aiohttp's function."""
    specification = importlib.util.spec_from_file_location("masking_without_aiohttp", masking.__file__)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "aiohttp._websocket.helpers", None)
        specification.loader.exec_module(module)
    return module


fallback = without_aiohttp()


def test_the_standards_own_example() -> None:
    """The RFC's masked "Hello" (section 5.7) reads Hello, with aiohttp's function and without."""
    assert vars(masking)["mask"] is not vars(fallback)["mask"]
    for module in (masking, fallback):
        assert b"Hello" == module.unmasked(b"\x37\xfa\x21\x3d", b"\x7f\x9f\x4d\x51\x58")


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=300))
def test_every_byte_meets_its_own_byte_of_the_key(key: bytes, payload: bytes) -> None:
    """Byte ``i`` is XORed with byte ``i`` modulo 4 of the key, whatever the length."""
    expected = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    assert [expected, expected] == [module.unmasked(key, payload) for module in (masking, fallback)]
