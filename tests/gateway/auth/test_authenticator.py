"""Attacks on tokens, with every kind of key; and the settings that choose it."""

import base64
import logging
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.authenticator import Authenticator
from gateway.auth.grant import Grant, RefusedError, TryLaterError
from gateway.auth.settings import AuthSettings
from market.settings.environ import SettingError
from tests.gateway.auth.tokens import (
    AUDIENCE,
    ISSUER,
    NOW,
    claims,
    forge,
    hmac_signer,
    jwk,
    key_set,
    private_key,
    private_pem,
    public_pem,
    segment,
    signer,
    token,
)
from tests.waiting import until

MARK = "m4rked-s3cret"
"""Stands in tokens where it must not be repeated."""

KEY_KINDS = ("HS256", "RS256", "ES256", "EdDSA", "jwks")
PUBLIC_KEY_KINDS = KEY_KINDS[1:]


class Clock:
    """The wall clock, where the test puts it."""

    def __init__(self) -> None:
        self.now_s = float(NOW)

    def __call__(self) -> float:
        return self.now_s


class AccessControl:
    """An authenticator, and the key that its issuer signs with."""

    def __init__(self, authenticator: Authenticator, algorithm: str, kid: str | None, clock: Clock) -> None:
        self.authenticator = authenticator
        self.algorithm = algorithm
        self.key = private_key(algorithm)
        self.kid = kid
        self.clock = clock
        self.shown: list[str | bytes] = []

    def header(self, **changes: Any) -> dict[str, Any]:
        named = {} if self.kid is None else {"kid": self.kid}
        return {"alg": self.algorithm, "typ": "JWT"} | named | changes

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """What the issuer would sign."""
        return token(self.algorithm, self.key, self.header(**(header or {})), **changes)

    def signed(self, header: Any, payload: Any) -> str:
        """The issuer's signature under anything."""
        return forge(header, payload, signer(self.algorithm, self.key))

    async def open(self, token: str | bytes) -> Grant:
        """The grant; both ways of asking agree."""
        self.shown.append(token)
        grant = await self.authenticator.verify(token)
        assert grant == self.authenticator.verify_now(token)
        return grant

    async def refused(self, token: str | bytes) -> str:
        """The code of the refusal, which quotes nothing; both ways of asking agree."""
        self.shown.append(token)
        with pytest.raises(RefusedError) as caught:
            await self.authenticator.verify(token)
        error = caught.value
        assert error.__context__ is None
        assert error.__cause__ is None
        told = "".join(traceback.format_exception(error)) + repr(error)
        assert [] == quotations(token, told)
        same = self.refused_now(token)
        if same is None:
            assert "unknown_key" == error.code
        else:
            assert (error.code, str(error)) == (same.code, str(same))
        return error.code

    def refused_now(self, token: str | bytes) -> RefusedError | None:
        """The refusal without a fetch; None where one would be needed."""
        try:
            assert self.authenticator.verify_now(token) is None
        except RefusedError as error:
            return error
        return None


def quotations(token: str | bytes, told: str) -> list[str]:
    """Every ten characters of the token, and the mark in it, that stand in what was told."""
    text = token if isinstance(token, str) else token.decode("latin-1")
    pieces = {text[at : at + 10] for at in range(len(text) - 9)} | {MARK}
    return [piece for piece in pieces if piece in told]


class Issuer:
    """Publishes keys over HTTP."""

    def __init__(self) -> None:
        self.published = key_set(jwk(private_key("RS256"), kid="one", use="sig", alg="RS256"))
        self.requests = 0

    async def serve(self, _request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(body=self.published, content_type="application/json")


@pytest.fixture
async def issuer() -> Issuer:
    """Make an issuer."""
    return Issuer()


@pytest.fixture
async def jwks_url(issuer: Issuer) -> AsyncIterator[str]:
    """Serve the issuer's keys; their address."""
    app = web.Application()
    app.router.add_get("/jwks.json", issuer.serve)
    async with TestServer(app) as server:
        yield str(server.make_url("/jwks.json"))


@pytest.fixture(params=KEY_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Name the kind of key of this run."""
    return str(request.param)


@pytest.fixture
async def access(
    kind: str, jwks_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[AccessControl]:
    """Access control with one kind of key. Nothing that was shown at it is in any log."""
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    common: dict[str, Any] = {"mode": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    algorithm = "RS256" if kind == "jwks" else kind
    if kind == "jwks":
        told = AuthSettings(**common, jwt_jwks_url=jwks_url)
    elif kind == "HS256":
        told = AuthSettings(**common, jwt_secret=private_key("HS256"))
    else:
        path = tmp_path / "public.pem"
        path.write_bytes(public_pem(private_key(kind)))
        told = AuthSettings(**common, jwt_public_key_file=str(path))
    authenticator = Authenticator(told, now_s=clock)
    authenticator.start()
    access = AccessControl(authenticator, algorithm, "one" if kind == "jwks" else None, clock)
    yield access
    await authenticator.aclose()
    for shown in access.shown:
        assert [] == quotations(shown, caplog.text)


async def test_a_good_token_opens(access: AccessControl) -> None:
    """A token of the issuer becomes its bearer's grant, from text and from bytes."""
    shown = access.token(sub="bob", symbols=["BTCUSDT"], max_hz=5, max_connections=2, max_symbols=10)
    expected = Grant("bob", frozenset({"BTCUSDT"}), 5, 2, 10, NOW + 3605)
    assert expected == await access.open(shown)
    assert expected == await access.open(shown.encode())


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "none ", "n\u043ene"])
async def test_an_unsigned_token_is_refused(access: AccessControl, alg: str) -> None:
    """``alg: none``, in any spelling, with or without a signature, is refused."""
    assert "wrong_algorithm" == await access.refused(forge(access.header(alg=alg), claims(sub=MARK)))
    signed = access.token()
    header, payload, signature = signed.split(".")
    assert "wrong_algorithm" == await access.refused(f"{segment(access.header(alg=alg))}.{payload}.{signature}")
    assert "bad_signature" == await access.refused(f"{header}.{payload}.")


@pytest.mark.parametrize("alg", [None, True, 0, [], ["none"], {"none": 1}])
async def test_an_algorithm_that_is_no_name_is_refused(access: AccessControl, alg: Any) -> None:
    """An ``alg`` that is no algorithm's name is refused."""
    assert "bad_token" == await access.refused(access.signed(access.header(alg=alg), claims(sub=MARK)))


@pytest.mark.parametrize("kind", PUBLIC_KEY_KINDS, indirect=True)
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
async def test_a_public_key_is_never_a_shared_secret(access: AccessControl, digest: str) -> None:
    """Algorithm confusion is refused: HMAC with the public key in any of its forms."""
    public = access.key.public_key()
    forms = [
        public_pem(access.key),
        public_pem(access.key).strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        b"",
    ]
    members = jwk(access.key)
    forms.extend(base64.urlsafe_b64decode(members[name] + "==") for name in ("n", "x", "y") if name in members)
    for form in forms:
        header = access.header(alg=f"HS{digest.removeprefix('sha')}")
        assert "wrong_algorithm" == await access.refused(forge(header, claims(sub=MARK), hmac_signer(form, digest)))
        # The same under the name of the real algorithm.
        assert "bad_signature" == await access.refused(forge(access.header(), claims(), hmac_signer(form, digest)))


async def test_a_token_of_another_family_is_refused(access: AccessControl) -> None:
    """Each issuer has one family of algorithms: a good token of another is refused, also under the right name."""
    for algorithm in ("HS256", "RS256", "ES256", "ES384", "EdDSA"):
        if algorithm == access.algorithm:
            continue
        stranger = private_key(algorithm, "stranger")
        named = {"kid": access.kid} if access.kid else {}
        assert "wrong_algorithm" == await access.refused(token(algorithm, stranger, named, sub=MARK))
        assert "bad_signature" == await access.refused(forge(access.header(), claims(), signer(algorithm, stranger)))


async def test_another_key_of_the_same_family_is_refused(access: AccessControl) -> None:
    """A token signed with another key of the family is refused."""
    stranger = private_key(access.algorithm, "stranger")
    assert "bad_signature" == await access.refused(token(access.algorithm, stranger, access.header(), sub=MARK))


@pytest.mark.parametrize("kind", PUBLIC_KEY_KINDS, indirect=True)
async def test_a_key_that_a_token_brings_is_ignored(access: AccessControl, issuer: Issuer, jwks_url: str) -> None:
    """A key in the header, or a URL of one, is ignored and not fetched."""
    stranger = private_key(access.algorithm, "stranger")
    requests = issuer.requests
    for brought in (
        {"jwk": jwk(stranger, kid=access.kid)},
        {"jku": jwks_url},
        {"x5u": jwks_url},
        {"x5c": [base64.b64encode(public_pem(stranger)).decode()]},
    ):
        assert "bad_signature" == await access.refused(
            token(access.algorithm, stranger, access.header(**brought), sub=MARK)
        )
        assert "alice" == (await access.open(access.token(brought))).subject
    assert issuer.requests <= max(requests, 1)


KIDS = (
    "../../../../../../dev/null",
    "/dev/null",
    "file:///etc/passwd",
    "' OR '1'='1",
    "x' UNION SELECT 'secret'; --",
    "$(id)",
    "`id`",
    "one\x00",
    "one\n",
    "ONE",
    "",
    "__class__",
    "http://127.0.0.1:1/keys",
    "k" * 256,
)


@pytest.mark.parametrize("kid", KIDS)
async def test_a_key_name_names_nothing_but_a_key(access: AccessControl, kid: str) -> None:
    """A path, a query or a command as ``kid`` is only an unknown name, and chooses no other key."""
    attempt = forge(access.header(kid=kid), claims(sub=MARK), hmac_signer(b""))
    code = await access.refused(attempt)
    assert code == ("unknown_key" if access.kid else "bad_signature")


@pytest.mark.parametrize("kid", [5, None, True, ["one"], {"one": 1}, "k" * 257])
async def test_a_key_name_must_be_a_short_text(access: AccessControl, kid: Any) -> None:
    """A ``kid`` of another type, or a long one, is refused even with a good signature."""
    assert "bad_token" == await access.refused(access.signed(access.header(kid=kid), claims(sub=MARK)))


async def test_a_changed_payload_is_refused(access: AccessControl) -> None:
    """A claim added or changed after signing breaks the signature."""
    header, _, signature = access.token().split(".")
    for changes in ({"sub": "root"}, {"exp": NOW + 10**6}, {"symbols": "*"}, {"max_hz": 1000}):
        assert "bad_signature" == await access.refused(f"{header}.{segment(claims(**changes))}.{signature}")


async def test_a_changed_signature_is_refused(access: AccessControl) -> None:
    """A signature cut, lengthened, emptied, of zeros, or of another token does not hold."""
    header, payload, signature = access.token().split(".")
    size = len(base64.urlsafe_b64decode(signature + "=="))
    for changed in (
        signature[:-4],
        signature + "AAAA",
        "",
        segment(bytes(size)),
        segment(b"\xff" * size),
        access.token(sub="bob").split(".")[2],
    ):
        assert "bad_signature" == await access.refused(f"{header}.{payload}.{changed}")


async def test_no_character_can_be_changed(access: AccessControl) -> None:
    """A token with any one character changed is refused, even in bits that base64 leaves unused."""
    good = access.token()
    assert await access.open(good)
    for at in range(0, len(good), 3 if access.algorithm == "RS256" else 1):
        changed = good[:at] + ("B" if good[at] != "B" else "C") + good[at + 1 :]
        with pytest.raises((RefusedError, TryLaterError)):
            await access.authenticator.verify(changed)


async def test_an_expired_token_is_refused(access: AccessControl) -> None:
    """A token is valid until its end plus the leeway, and never after."""
    shown = access.token(exp=NOW + 60)
    grant = await access.open(shown)
    access.clock.now_s = grant.expires_at - 0.001
    assert grant == await access.open(shown)
    for later_s in (0, 0.001, 10**9):
        access.clock.now_s = grant.expires_at + later_s
        assert "expired" == await access.refused(shown)
    # A clock that is set back, as by a correction, makes it good again: it is the clock that says so.
    access.clock.now_s = NOW
    assert grant == await access.open(shown)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_a_token_of_the_future_is_refused(access: AccessControl, claim: str) -> None:
    """A token that is valid or issued only later is refused until then."""
    changes: dict[str, Any] = {claim: NOW + 600, "exp": NOW + 1200}
    shown = access.token(**changes)
    assert "not_yet_valid" == await access.refused(shown)
    access.clock.now_s = NOW + 595
    assert "alice" == (await access.open(shown)).subject


@pytest.mark.parametrize("audience", ["other", ["other", "another"], None, "", []])
async def test_a_token_for_others_is_refused(access: AccessControl, audience: Any) -> None:
    """A token of the issuer for another service, or for none, is refused."""
    assert "wrong_audience" == await access.refused(access.token(aud=audience, sub=MARK))


@pytest.mark.parametrize("issuer_claim", ["https://evil.example", None, "", ISSUER.upper()])
async def test_a_token_of_another_issuer_is_refused(access: AccessControl, issuer_claim: Any) -> None:
    """A good signature under another issuer's name is refused."""
    assert "wrong_issuer" == await access.refused(access.token(iss=issuer_claim, sub=MARK))


async def test_a_token_without_an_end_is_refused(access: AccessControl) -> None:
    """A token must expire, and have a subject."""
    assert "bad_token" == await access.refused(access.token(exp=None))
    assert "bad_token" == await access.refused(access.token(sub=None))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", [MARK]),
        ("sub", f"{MARK}\nERROR forged"),
        ("exp", MARK),
        ("exp", str(NOW + 60)),
        ("nbf", MARK),
        ("iss", [MARK]),
        ("aud", {MARK: MARK}),
        ("symbols", MARK),
        ("symbols", [MARK * 5]),
        ("symbols", {MARK: 1}),
        ("max_hz", MARK),
        ("max_connections", -1),
        ("max_symbols", [MARK]),
    ],
)
async def test_claims_of_wrong_types_are_refused(access: AccessControl, claim: str, value: Any) -> None:
    """A claim of a wrong type is refused even with a good signature, and is not quoted."""
    assert "bad_token" == await access.refused(access.token(**{claim: value}))


async def test_extensions_are_refused(access: AccessControl) -> None:
    """A header with critical extensions is refused: none is known here (RFC 7515, 4.1.11)."""
    headers: list[dict[str, Any]] = [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"b64": False},
        {"crit": []},
    ]
    for header in headers:
        assert "bad_token" == await access.refused(access.token(header))


async def test_a_long_token_is_refused(access: AccessControl) -> None:
    """Beyond 8 KiB even a good token is not read; the error has the length."""
    assert "bad_token" == await access.refused(access.token(symbols=[f"S{number}" for number in range(1500)]))
    assert "bad_token" == await access.refused("A" * 10_000)


async def test_what_is_no_token_is_refused(access: AccessControl) -> None:
    """Empty input, text, other forms of tokens, and two tokens in one are refused."""
    good = access.token()
    for shown in (
        "",
        "hello",
        MARK,
        f"Bearer {good}",
        f"{good}.{good}",
        f"{good} ",
        good.replace(".", ":"),
        "🔑.🔑.🔑",
    ):
        assert "bad_token" == await access.refused(shown)
    encrypted = ".".join([segment({"alg": "dir", "enc": "A256GCM"}), "", "AAAA", "AAAA", "AAAA"])
    assert "bad_token" == await access.refused(encrypted)
    for raw in (b"\xff" * 20, b"\x00", good.encode("utf-16")):
        assert "bad_token" == await access.refused(raw)


async def test_a_nested_token_is_refused(access: AccessControl) -> None:
    """A token in a token (RFC 7519, section 5.2) has no claims of its own."""
    assert "bad_token" == await access.refused(access.signed(access.header(cty="JWT"), access.token().encode()))


async def test_depth_breaks_nothing(access: AccessControl) -> None:
    """The deepest nesting that fits into a token is refused or ignored, in header and claims."""
    deep = b"[" * 2500 + b"]" * 2500
    head = msgspec.json.encode(access.header())[:-1] + b',"x":' + deep + b"}"
    body = msgspec.json.encode(claims())[:-1] + b',"x":' + deep + b"}"
    assert "bad_token" == await access.refused(access.signed(head, claims()))
    assert "bad_token" == await access.refused(access.signed(access.header(), body))


BY_SECRET = Authenticator(AuthSettings(mode="jwt", jwt_secret=private_key("HS256")))


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}"))
def test_any_input_is_refused(shown: str | bytes) -> None:
    """Any bytes or text without a signature are refused, without an exception."""
    with pytest.raises(RefusedError):
        BY_SECRET.verify_now(shown)


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_payload_of_the_issuer_is_refused(header: bytes, payload: bytes) -> None:
    """The same holds for any payload that the issuer has signed."""
    sign = signer("HS256", private_key("HS256"))
    for shown in (forge(header, payload, sign), forge({"alg": "HS256"}, payload, sign)):
        with pytest.raises(RefusedError):
            BY_SECRET.verify_now(shown)


async def test_a_key_name_unknown_at_first_is_fetched(issuer: Issuer, jwks_url: str) -> None:
    """Before the first fetch no token can be checked at once; a check with waiting fetches the keys."""
    authenticator = Authenticator(AuthSettings(mode="jwt", jwt_jwks_url=jwks_url), now_s=Clock())
    shown = token("RS256", private_key("RS256"), {"kid": "one"})
    try:
        assert authenticator.verify_now(shown) is None
        assert "alice" == (await authenticator.verify(shown)).subject
        grant = authenticator.verify_now(shown)
        assert grant is not None
        assert "alice" == grant.subject
        assert 1 == issuer.requests
    finally:
        await authenticator.aclose()


async def test_an_issuer_that_cannot_be_reached_is_no_refusal(unused_tcp_port: int) -> None:
    """A token that cannot be checked is to be tried later; one that is bad in any case is refused without a fetch."""
    url = f"http://127.0.0.1:{unused_tcp_port}/jwks.json"
    authenticator = Authenticator(AuthSettings(mode="jwt", jwt_jwks_url=url), now_s=Clock())
    try:
        with pytest.raises(TryLaterError, match="try again in 5 s"):
            await authenticator.verify(token("RS256", private_key("RS256"), {"kid": "one"}))
        with pytest.raises(RefusedError):
            await authenticator.verify(token("HS256", private_key("HS256")))
    finally:
        await authenticator.aclose()


@pytest.mark.parametrize("family", ["ES", "EdDSA"])
async def test_a_family_that_is_told_excludes_the_others(issuer: Issuer, jwks_url: str, family: Any) -> None:
    """With JWT_FAMILY published keys of another family are not used."""
    authenticator = Authenticator(AuthSettings(mode="jwt", jwt_jwks_url=jwks_url, jwt_family=family), now_s=Clock())
    try:
        with pytest.raises(RefusedError, match="alg"):
            await authenticator.verify(token("RS256", private_key("RS256"), {"kid": "one"}))
        assert 0 == issuer.requests
    finally:
        await authenticator.aclose()


def refusal(**told: Any) -> str:
    """Expect that these settings are refused; the message."""
    with pytest.raises(SettingError) as caught:
        Authenticator(AuthSettings(mode="jwt", **told))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_exactly_one_key_must_be_told() -> None:
    """With no key, or with several sources of keys, the start fails and names them."""
    assert "exactly one of JWT_SECRET, JWT_PUBLIC_KEY_FILE, JWT_JWKS_URL; set are none" in refusal()
    error = refusal(jwt_secret=MARK * 3, jwt_jwks_url="https://issuer.example/keys")
    assert "set are JWT_SECRET and JWT_JWKS_URL" in error
    assert MARK not in error


def test_a_short_secret_stops_the_start() -> None:
    """One line names the variable and how to fix it, and not the secret."""
    error = refusal(jwt_secret=MARK)
    assert error.startswith("JWT_SECRET is 13 bytes long, and HS256 needs 32; make one with: python -c")
    assert MARK not in error


def test_a_key_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    """A missing file, a folder and an impossible name are reported with the path."""
    for path in (str(tmp_path / "missing.pem"), str(tmp_path), "a\0b"):
        assert refusal(jwt_public_key_file=path).startswith("JWT_PUBLIC_KEY_FILE '")


def test_a_key_file_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    """A private key, an endless file or other content is reported, and not shown."""
    path = tmp_path / "key.pem"
    path.write_bytes(private_pem(private_key("RS256")))
    error = refusal(jwt_public_key_file=str(path))
    assert error.startswith("JWT_PUBLIC_KEY_FILE holds a private key")
    assert "openssl pkey" in error
    assert "no public key in PEM" in refusal(jwt_public_key_file="/dev/zero")


def test_a_key_set_over_a_line_that_others_read_stops_the_start() -> None:
    """Keys must come over https."""
    assert "JWT_JWKS_URL must begin with https://" in refusal(jwt_jwks_url="http://issuer.example/keys")


def test_a_family_that_contradicts_the_key_stops_the_start(tmp_path: Path) -> None:
    """A key file of one family and a setting for another stop the start."""
    path = tmp_path / "key.pem"
    path.write_bytes(public_pem(private_key("ES256")))
    assert "JWT_FAMILY RS does not go with JWT_PUBLIC_KEY_FILE" in refusal(
        jwt_public_key_file=str(path), jwt_family="RS"
    )
    assert "JWT_FAMILY RS does not go with JWT_SECRET" in refusal(jwt_secret="x" * 32, jwt_family="RS")


def test_an_authenticator_does_not_show_the_secret() -> None:
    """No repr of it, or of its parts, shows the secret."""
    authenticator = Authenticator(AuthSettings(mode="jwt", jwt_secret=MARK * 3))
    assert MARK not in repr(authenticator) + repr(vars(authenticator))


@pytest.mark.parametrize(("told", "warned"), [({"jwt_jwks_url": "https://x.example/k"}, True), ({}, False)])
def test_an_issuer_for_many_services_wants_an_audience(
    told: dict[str, Any], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Without JWT_AUDIENCE tokens for other services are valid here, which is logged, except with a shared secret."""
    Authenticator(AuthSettings(mode="jwt", **(told or {"jwt_secret": "x" * 32})))
    assert warned == ("JWT_AUDIENCE is not set" in caplog.text)


async def test_other_settings_are_other_keys_and_claims() -> None:
    """After a change only tokens of the new secret, and of the new audience, are valid."""

    def by(secret: str, **told: Any) -> AuthSettings:
        return AuthSettings(mode="jwt", jwt_secret=secret, **told)

    first, second = (private_key("HS256", name) for name in ("issuer", "another"))
    authenticator = Authenticator(by(first), now_s=Clock())
    old, new = token("HS256", first), token("HS256", second)
    assert authenticator.verify_now(old) is not None
    assert authenticator.change(by(first)) is None
    assert authenticator.change(by(second)) is not None
    assert authenticator.verify_now(new) is not None
    with pytest.raises(RefusedError):
        authenticator.verify_now(old)
    assert authenticator.change(by(second, jwt_audience="elsewhere")) is None
    with pytest.raises(RefusedError) as caught:
        authenticator.verify_now(new)
    assert "wrong_audience" == caught.value.code


async def test_settings_that_cannot_be_used_leave_the_keys_there_are() -> None:
    """No key, or two sources of keys, is an error, and the former keys stay."""
    secret = private_key("HS256")
    authenticator = Authenticator(AuthSettings(mode="jwt", jwt_secret=secret), now_s=Clock())
    for bad in (
        AuthSettings(mode="jwt"),
        AuthSettings(mode="jwt", jwt_secret=secret, jwt_jwks_url="https://x.example"),
    ):
        with pytest.raises(SettingError, match=r"^AUTH_MODE jwt needs exactly one of"):
            authenticator.change(bad)
    assert authenticator.verify_now(token("HS256", secret)) is not None


async def test_an_issuer_is_asked_again_and_its_keys_are_good_meanwhile() -> None:
    """With the same address old keys stay until the new ones come; with another address they do not."""
    key, other = private_key("ES256"), private_key("ES256", "another")
    published = [jwk(key, kid="one")]
    asked = 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(body=key_set(*published), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{name}", answer)
    async with TestServer(app) as server:
        told = AuthSettings(mode="jwt", jwt_jwks_url=str(server.make_url("/keys")))
        authenticator = Authenticator(told, now_s=Clock())
        authenticator.start()
        old = token("ES256", key, {"alg": "ES256", "kid": "one"})
        assert "alice" == (await authenticator.verify(old)).subject
        published[:] = [jwk(other, kid="two")]
        assert authenticator.change(msgspec.structs.replace(told, jwt_leeway_s=1)) is None
        assert authenticator.verify_now(old) is not None
        await until(lambda: asked == 2 and authenticator.verify_now(old) is None)
        elsewhere = msgspec.structs.replace(told, jwt_jwks_url=str(server.make_url("/elsewhere")))
        before = authenticator.change(elsewhere)
        assert before is not None
        await before.aclose()
        assert "alice" == (await authenticator.verify(token("ES256", other, {"alg": "ES256", "kid": "two"}))).subject
        assert 3 == asked
        await authenticator.aclose()
