"""Getting an issuer's document from servers that are as bad as servers can be."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from trustme import CA
from yarl import URL

from gateway.auth.download import DownloadError, UrlError, check_url, download
from market.settings.proxy import Proxies
from tests.forward_proxy import ForwardProxy
from tests.serving import serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[URL]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server with one handler at ``/keys``; the answer is its URL, with a query that nobody may see."""
    servers = []

    async def serve(handler: Handler) -> URL:
        app = web.Application()
        app.router.add_get("/keys", handler)
        server = TestServer(app)
        servers.append(server)
        await server.start_server()
        return server.make_url("/keys").with_query(key="hidden")

    yield serve
    for server in servers:
        await server.close()


async def failure(url: URL, timeout_s: float = 5.0) -> str:
    """Expect that a download fails; the message, which shows no part of a secret."""
    with pytest.raises(DownloadError) as caught:
        await download(url, timeout_s, 1000)
    assert "hidden" not in str(caught.value)
    return str(caught.value)


async def test_the_whole_document_is_got(serve: Serve) -> None:
    """The request has the query, and all bytes of the answer come back, up to the limit."""
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(body=b"x" * 1000)

    assert b"x" * 1000 == await download(await serve(handler), 5, 1000)
    assert "hidden" == asked[0].query["key"]
    assert "application/json" == asked[0].headers["Accept"]


async def test_a_long_answer_is_given_up(serve: Serve) -> None:
    """A server that never stops sending is left at the limit."""
    gone = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        finally:
            gone.set()

    assert "longer than 1000 bytes" in await failure(await serve(handler))
    async with asyncio.timeout(5):
        await gone.wait()


async def test_a_packed_answer_is_not_unpacked(serve: Serve) -> None:
    """A compressed answer is not inflated beyond the limit."""
    packed = gzip.compress(bytes(500_000))
    assert len(packed) < 1000

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    assert packed == await download(await serve(handler), 5, 1000)


async def test_a_redirect_is_not_followed(serve: Serve) -> None:
    """A redirect is not followed: only the operator chooses the URL."""
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        raise web.HTTPFound("/keys?again")

    assert "302, not 200; set the URL" in await failure(await serve(handler))
    assert 1 == len(asked)


@pytest.mark.parametrize("status", [204, 401, 404, 500, 503])
async def test_any_other_status_is_a_failure(serve: Serve, status: int) -> None:
    """An error page is not keys."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=None if status == 204 else b'{"keys":[]}')

    assert f"status is {status}" in await failure(await serve(handler))


async def test_a_server_that_keeps_silent_is_given_up(serve: Serve) -> None:
    """A fetch ends in time, even if the answer comes byte by byte."""
    over = asyncio.Event()

    async def silent(_request: web.Request) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not over.is_set():
            await response.write(b" ")
            await asyncio.sleep(0.01)
        return response

    for handler in (silent, dripping):
        async with asyncio.timeout(5):
            assert "within 0.1 s" in await failure(await serve(handler), 0.1)
    over.set()


async def test_a_server_that_is_not_there_is_a_failure(serve: Serve, unused_tcp_port: int) -> None:
    """The message names the host that could not be reached."""
    assert str(unused_tcp_port) in await failure(URL(f"http://127.0.0.1:{unused_tcp_port}/keys?key=hidden"))


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"])
async def test_a_server_that_breaks_the_protocol_is_a_failure(answer: bytes) -> None:
    """No answer, a wrong one or half of one is an error, not half a document."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with serving(handle) as port:
        assert await failure(URL(f"http://127.0.0.1:{port}/keys?key=hidden"))


async def test_a_certificate_must_be_trusted(serve: Serve) -> None:
    """A server without a trusted certificate is not asked for keys."""
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(body=b"{}")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA().issue_cert("127.0.0.1").configure_cert(context)
    app = web.Application()
    app.router.add_get("/keys", handler)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    try:
        assert "certificate" in (await failure(server.make_url("/keys").with_query(key="hidden"))).lower()
    finally:
        await server.close()
    assert [] == asked


@pytest.mark.parametrize(
    "text",
    [
        "https://issuer.example/.well-known/jwks.json",
        "https://issuer.example:8443/keys?p=policy",
        "https://[2001:db8::1]/keys",
        "http://127.0.0.1:8081/keys",
        "http://127.1.2.3/keys",
        "http://[::1]:8081/keys",
        "http://localhost/keys",
    ],
)
def test_a_url_that_nobody_can_tamper_with_is_good(text: str) -> None:
    """``https`` anywhere, ``http`` on this machine."""
    assert text == str(check_url(text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a URL"),
        ("issuer.example/keys", "must be a URL"),
        ("/etc/passwd", "must be a URL"),
        ("file:///etc/passwd", "must be a URL"),
        ("ftp://issuer.example/keys", "must be a URL"),
        ("https://", "must be a URL"),
        ("https://[::1/keys", "must be a URL"),
        ("https://issuer.example:port/keys", "must be a URL"),
        ("http://issuer.example/keys", "must begin with https://"),
        ("http://localhost.issuer.example/keys", "must begin with https://"),
        ("http://127.0.0.1.issuer.example/keys", "must begin with https://"),
        ("http://10.0.0.1/keys", "must begin with https://"),
        ("http://127.0.0.1@issuer.example/keys", "must begin with https://"),
        ("https://me:hunter2@issuer.example/keys", "no user or password"),
        ("https://token@issuer.example/keys", "no user or password"),
    ],
)
def test_any_other_url_is_refused(text: str, problem: str) -> None:
    """The message has the right form, and shows no password."""
    with pytest.raises(UrlError, match=problem) as caught:
        check_url(text)
    assert "hunter2" not in str(caught.value)


PASSWORD = "ses@me"  # noqa: S105 - of the test's own proxy


async def keys(_: web.Request) -> web.Response:
    """Serve something."""
    return web.Response(body=b"the keys")


@pytest.fixture
def no_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A ``~/.netrc`` with a password for the issuer, which is none of the issuer's business."""
    (tmp_path / "netrc").write_text("machine issuer.example login me password sesame\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.mark.usefixtures("no_netrc")
async def test_a_document_comes_through_a_proxy() -> None:
    """A proxy is used with a tunnel, so that it sees only the host; only the proxy gets its password."""
    ca = CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("issuer.example").configure_cert(context)
    heads = []

    async def handler(request: web.Request) -> web.Response:
        heads.append(dict(request.headers))
        return await keys(request)

    app = web.Application()
    app.router.add_get("/keys", handler)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    assert server.port is not None
    try:
        async with ForwardProxy({"issuer.example:443": server.port}, user="us", password=PASSWORD) as proxy:
            proxies = Proxies({"HTTPS_PROXY": f"http://us:ses%40me@127.0.0.1:{proxy.port}"})
            trusted = ssl.create_default_context()
            ca.configure_trust(trusted)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusted)
                assert b"the keys" == await download(URL("https://issuer.example/keys"), proxies=proxies)
        assert ["CONNECT issuer.example:443"] == proxy.asked
    finally:
        await server.close()
    assert not {"Authorization", "Proxy-Authorization"} & heads[0].keys()


@pytest.mark.parametrize("password", ["wrong", "ses%40me"])
async def test_a_proxy_that_refuses_is_reported_without_its_password(password: str) -> None:
    """A refusal by the proxy is reported with its status, without the password."""
    async with ForwardProxy({}, user="us", password=PASSWORD) as proxy:
        proxies = Proxies({"HTTPS_PROXY": f"http://us:{password}@127.0.0.1:{proxy.port}"})
        with pytest.raises(DownloadError, match=r"^the proxy refuses: HTTP (407|502)$"):
            await download(URL("https://issuer.example/keys"), proxies=proxies)


async def test_loopback_needs_no_proxy(serve: Serve) -> None:
    """An issuer on this machine is asked directly, without a proxy."""
    proxies = Proxies({"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"})
    assert b"the keys" == await download(await serve(keys), proxies=proxies)
