"""Key sets as issuers publish them, good, odd and hostile."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.keys import Family, KeyMaterialError
from gateway.auth.keyset import KeySetError, read_jwk, read_key_set
from tests.gateway.auth.tokens import jwk, key_set, private_key, token

RSA, EC, ED = (private_key(name) for name in ("RS256", "ES256", "EdDSA"))


def refusal(**members: Any) -> str:
    """Expect that an RSA key with these members changed is refused; the message."""
    return refusal_of(jwk(RSA) | members)


def refusal_of(published: dict[str, Any]) -> str:
    """Expect that a key is refused; the message."""
    with pytest.raises(KeyMaterialError) as caught:
        read_jwk(json.dumps(published).encode())
    return str(caught.value)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_keys_of_every_family_are_read(algorithm: str) -> None:
    """A published key verifies signatures of its private half."""
    private = private_key(algorithm)
    keys = read_key_set(key_set(jwk(private, kid="one"))).keys
    assert {"one"} == set(keys)
    assert keys["one"].open(token(algorithm, private).encode())


def test_a_key_is_bound_to_its_algorithm() -> None:
    """``alg`` narrows what a key may be used for; without it, the kind of key decides."""
    assert ("RS512",) == read_jwk(json.dumps(jwk(RSA, alg="RS512")).encode())[1].algorithms
    assert ("RS256", "RS384", "RS512") == read_jwk(json.dumps(jwk(RSA)).encode())[1].algorithms


@pytest.mark.parametrize("alg", ["HS256", "PS256", "ES256", "RSA-OAEP", "none", ""])
def test_a_key_for_another_algorithm_is_not_used(alg: str) -> None:
    """A key is used only for the algorithm that the issuer names."""
    assert "another algorithm" in refusal(alg=alg)


@pytest.mark.parametrize("members", [{"use": "enc"}, {"use": ""}, {"key_ops": ["encrypt"]}, {"key_ops": []}])
def test_a_key_for_something_else_is_not_used(members: dict[str, Any]) -> None:
    """Only keys for checking signatures check signatures."""
    assert "not for signatures" in refusal(**members)


def test_a_shared_secret_is_never_taken_from_a_key_set() -> None:
    """A published symmetric key is not used: everybody knows it."""
    published = {"kty": "oct", "kid": "one", "k": "c2VjcmV0" * 8}
    assert "not public" in refusal_of(published)
    assert {} == read_key_set(key_set(published)).keys


def test_a_private_key_is_never_taken_from_a_key_set() -> None:
    """A published private key is not used: everybody can sign with it."""
    assert "not public" in refusal(d="AQAB")


def test_a_weak_key_is_not_used() -> None:
    """A key set gets no weaker keys in than a file."""
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - so that it is refused
    assert "1024 bits" in refusal_of(jwk(weak))


@pytest.mark.parametrize(
    "members",
    [
        {"n": None},
        {"n": ""},
        {"n": "!!!"},
        {"n": "AQAB"},
        {"e": "AA"},
        {"n": 5},
        {"kty": "EC"},
        {"kty": "OKP"},
        {"kty": "new"},
        {"kty": None},
        {"kid": 5},
        {"alg": ["RS256"]},
        {"use": None},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "crv": "Ed448", "x": "A" * 76},
    ],
)
def test_one_bad_key_does_not_spoil_the_others(members: dict[str, Any]) -> None:
    """A key that cannot be used is counted and left out."""
    keys = read_key_set(key_set(jwk(RSA) | members, jwk(RSA, kid="good")))
    assert {"good"} == set(keys.keys)
    assert 1 == keys.skipped


def test_the_first_of_two_keys_with_one_name_counts() -> None:
    """Of two keys with the same name and family the first is used."""
    keys = read_key_set(key_set(jwk(RSA, kid="one"), jwk(private_key("RS256", "stranger"), kid="one")))
    assert keys.keys["one"].open(token("RS256", RSA).encode())
    assert 1 == keys.skipped


def test_keys_of_one_family_are_taken() -> None:
    """Only keys of the wanted family are used, whatever their names."""
    document = key_set(jwk(EC, kid="one"), jwk(RSA, kid="one"), jwk(ED, kid="two"))
    expected: list[tuple[Family, set[str]]] = [("RS", {"one"}), ("ES", {"one"}), ("EdDSA", {"two"})]
    for family, names in expected:
        keys = read_key_set(document, family)
        assert names == set(keys.keys)
        assert {family} == {key.family for key in keys.keys.values()} == {keys.family}


def test_several_families_need_a_choice() -> None:
    """Nothing is guessed: the message names the setting and the families."""
    document = key_set(jwk(RSA, kid="one"), jwk(EC, kid="two"))
    with pytest.raises(KeySetError, match="JWT_FAMILY to one of ES, RS"):
        read_key_set(document)
    with pytest.raises(KeySetError):
        read_key_set(document, None, "EdDSA")


def test_the_family_held_so_far_is_kept() -> None:
    """The present family stays while the issuer publishes it, even beside another one."""
    assert "RS" == read_key_set(key_set(jwk(RSA, kid="one"), jwk(EC, kid="two")), None, "RS").family
    assert "ES" == read_key_set(key_set(jwk(EC, kid="two")), None, "RS").family


def test_an_empty_set_is_a_set() -> None:
    """An empty set is valid: the issuer has withdrawn every key."""
    empty = read_key_set(key_set())
    assert ({}, None, 0) == (empty.keys, empty.family, empty.skipped)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"keys":null}',
        b'{"keys":{}}',
        b'{"keys":"x"}',
        b'{"keys":[',
        b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b',"keys":[]}',
        key_set(*[{}] * 101),
    ],
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    """Any answer of a server gives keys or an error with the reason."""
    with pytest.raises(KeySetError, match="the answer"):
        read_key_set(document)


_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=3), max_size=2)
_NAMES = st.sampled_from(["kty", "kid", "use", "key_ops", "alg", "crv", "n", "e", "x", "y", "d", "k"])


@settings(deadline=None)
@given(st.lists(st.dictionaries(_NAMES, _VALUES) | _VALUES, max_size=4), st.sampled_from([RSA, EC, ED]))
def test_any_set_is_read_or_refused(published: list[Any], private: Any) -> None:
    """Any members of keys give keys or a refusal."""
    members = [jwk(private) | entry if isinstance(entry, dict) else entry for entry in published]
    keys = read_key_set(key_set(*members))
    assert len(published) == len(keys.keys) + keys.skipped
