"""Keys of the settings: which can be used, for what, and what is said of the others."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from trustme import CA

from gateway.auth.keys import Key, KeyMaterialError, from_pem, from_secret
from tests.gateway.auth.tokens import claims, forge, private_key, private_pem, public_pem, signer, token


def refusal(pem: bytes) -> str:
    """Expect that a PEM file is refused; the message."""
    with pytest.raises(KeyMaterialError) as caught:
        from_pem(pem)
    return str(caught.value)


@pytest.mark.parametrize(
    ("algorithm", "family", "algorithms"),
    [
        ("RS256", "RS", ("RS256", "RS384", "RS512")),
        ("ES256", "ES", ("ES256",)),
        ("ES384", "ES", ("ES384",)),
        ("ES512", "ES", ("ES512",)),
        ("EdDSA", "EdDSA", ("EdDSA",)),
    ],
)
def test_a_public_key_decides_its_algorithms(algorithm: str, family: str, algorithms: tuple[str, ...]) -> None:
    """The kind of key and its curve decide its algorithms; each verifies its own signatures."""
    private = private_key(algorithm)
    key = from_pem(public_pem(private))
    assert (family, algorithms) == (key.family, key.algorithms)
    for name in algorithms:
        assert b'"alice"' in (key.open(token(name, private).encode()) or b"")


def test_the_older_form_of_an_rsa_key_is_read() -> None:
    """``-----BEGIN RSA PUBLIC KEY-----`` (RFC 8017, appendix A.1.1) is a public key too."""
    private = private_key("RS256")
    key = from_pem(private.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1))
    assert key.open(token("RS256", private).encode())


def test_a_secret_is_a_key_for_hs256_alone() -> None:
    """A shared secret verifies its own signatures with HS256 only."""
    key = from_secret(private_key("HS256"))
    assert ("HS", ("HS256",)) == (key.family, key.algorithms)
    assert key.open(token("HS256", private_key("HS256")).encode())


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_longer_digests_want_longer_secrets(algorithm: str) -> None:
    """HS384 and HS512 are refused even with the right secret."""
    secret = private_key("HS256")
    assert from_secret(secret).open(token(algorithm, secret).encode()) is None


@pytest.mark.parametrize(("secret", "length"), [("", 0), ("x" * 31, 31), ("ß" * 15, 30)])
def test_a_short_secret_is_refused_with_the_way_to_a_good_one(secret: str, length: int) -> None:
    """A secret's length counts in bytes, and the message says how to make one."""
    with pytest.raises(KeyMaterialError, match=f"is {length} bytes long") as caught:
        from_secret(secret)
    assert "secrets.token_urlsafe" in str(caught.value)
    assert not secret or secret not in str(caught.value)


def test_a_secret_of_32_bytes_is_enough() -> None:
    """A secret of exactly 32 bytes is allowed, also if it is not text."""
    assert "HS" == from_secret("x" * 32).family
    assert "HS" == from_secret(b"\xff".decode(errors="surrogateescape") * 32).family


def test_a_public_key_is_no_secret() -> None:
    """A public key as secret is refused: everybody could sign with it."""
    with pytest.raises(KeyMaterialError, match="not a shared secret"):
        from_secret(public_pem(private_key("RS256")).decode())


def test_a_private_key_is_refused_and_not_shown() -> None:
    """A private key is refused and not shown; the message says how to get the public one."""
    for algorithm in ("RS256", "ES256", "EdDSA"):
        pem = private_pem(private_key(algorithm))
        error = refusal(pem)
        assert "openssl pkey" in error
        assert not any(line in error for line in pem.decode().splitlines())


def test_private_keys_of_every_form_are_recognised() -> None:
    """Encrypted, traditional and OpenSSH keys, and one beside its public key, are private keys as well."""
    key = private_key("RS256")
    encryption = BestAvailableEncryption(b"password")
    assert "private key" in refusal(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    assert "private key" in refusal(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption))
    assert "private key" in refusal(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    assert "private key" in refusal(public_pem(key) + private_pem(key))


def test_a_certificate_is_refused_with_the_way_to_its_key() -> None:
    """A certificate is refused, with the way to extract its key."""
    assert "openssl x509" in refusal(CA().cert_pem.bytes())


@pytest.mark.parametrize(
    "pem", [b"", b"hello", b"\x00\xff", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    """A file without a key is refused, and the message says what it should have."""
    assert "BEGIN PUBLIC KEY" in refusal(pem)


def test_several_keys_in_one_file_are_refused() -> None:
    """Several keys in one file are refused: the choice would be a guess."""
    pem = public_pem(private_key("RS256"))
    assert "several keys" in refusal(pem + pem)


def test_weak_and_huge_rsa_keys_are_refused() -> None:
    """RSA keys below 2048 bits, and huge ones that are slow to check, are refused."""
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - so that it is refused
    assert "1024 bits" in refusal(public_pem(weak))
    huge = rsa.RSAPublicNumbers(65537, (1 << 16_384) + 1).public_key()
    error = refusal(huge.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "must have 2048 to 8192" in error


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256K1()), ed448.Ed448PrivateKey.generate(), x25519.X25519PrivateKey.generate()],
    ids=["secp256k1", "Ed448", "X25519"],
)
def test_keys_of_other_kinds_are_refused(key: ec.EllipticCurvePrivateKey) -> None:
    """Keys of other kinds are refused, and the message names the usable kinds."""
    assert "RSA, EC (P-256, P-384, P-521) and Ed25519" in refusal(public_pem(key))


def test_a_dsa_key_is_refused() -> None:
    """A DSA key, which no JWT algorithm uses, is refused."""
    numbers = dsa.DSAParameterNumbers(p=(1 << 2047) + 1, q=(1 << 255) + 1, g=2)
    key = dsa.DSAPublicNumbers(4, numbers).public_key()
    assert "another kind" in refusal(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def test_another_key_opens_nothing() -> None:
    """A token of the same kind with another key's signature is refused."""
    for algorithm in ("RS256", "ES256", "EdDSA"):
        key = from_pem(public_pem(private_key(algorithm)))
        assert key.open(token(algorithm, private_key(algorithm, "stranger")).encode()) is None


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_a_signature_of_zeros_opens_nothing(algorithm: str) -> None:
    """An ECDSA signature with r and s zero is refused (CVE-2022-21449)."""
    key = from_pem(public_pem(private_key(algorithm)))
    size = {"ES256": 64, "ES384": 96, "ES512": 132}[algorithm]
    for signature in (bytes(size), b"\xff" * size, b"", bytes(size - 1), bytes(size + 1)):
        made = forge({"alg": algorithm}, claims(), lambda _: signature)  # noqa: B023 # called at once
        assert key.open(made.encode()) is None


def test_a_key_bound_to_one_algorithm_opens_no_other() -> None:
    """An RSA key for RS256 does not check RS512."""
    private = private_key("RS256")
    key = Key("RS", ("RS256",), private.public_key())
    assert key.open(token("RS256", private).encode())
    assert key.open(token("RS512", private).encode()) is None


def test_a_key_does_not_show_itself() -> None:
    """No repr holds the secret."""
    secret = private_key("HS256")
    key = from_secret(secret)
    assert secret not in repr(key)
    assert secret not in repr([getattr(key, name) for name in ("family", "algorithms")])


@pytest.mark.parametrize("garbage", [b"", b".", b"..", b"a.b.c", b"\xff.\xff.\xff", b"e30.e30.", b"." * 8000])
def test_garbage_opens_nothing(garbage: bytes) -> None:
    """A text that is no token gives None, like a wrong signature."""
    assert from_secret(private_key("HS256")).open(garbage) is None


def test_a_detached_payload_opens_nothing() -> None:
    """A token with a detached payload (RFC 7797) is refused."""
    secret = private_key("HS256")
    header = {"alg": "HS256", "b64": False, "crit": ["b64"]}
    assert from_secret(secret).open(forge(header, b"", signer("HS256", secret)).encode()) is None


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_a_key_that_is_read_again_is_the_same_and_another_is_not(algorithm: str) -> None:
    """Two keys are equal if they verify the same tokens, wherever they were read."""

    def read(name: str) -> Key:
        key = private_key(algorithm, name)
        return from_secret(key) if algorithm == "HS256" else from_pem(public_pem(key))

    assert read("issuer").is_same(read("issuer"))
    assert not read("issuer").is_same(read("another"))
