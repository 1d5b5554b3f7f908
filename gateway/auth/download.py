"""Downloads a document from an issuer's web server, which is trusted with its contents and nothing else."""

import aiohttp
from yarl import URL

from gateway.errors import GatewayError
from market.settings.loopback import is_loopback
from market.settings.proxy import NO_PROXIES, Proxies


class DownloadError(GatewayError):
    """The document could not be downloaded; the message says why."""


class UrlError(GatewayError, ValueError):
    """A URL that is not used. The message is put behind the name of the setting."""


def check_url(text: str) -> URL:
    """The URL of a key set.

    Raises:
        UrlError: the URL is malformed, or others could tamper with the document on the way.
    """
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError:
        host = port = None
    if not host or not port or url.scheme not in ("http", "https"):
        raise UrlError("must be a URL such as https://issuer.example/.well-known/jwks.json")
    if url.scheme == "http" and not is_loopback(host):
        raise UrlError("must begin with https:// (http only for this machine's own addresses)")
    if url.user is not None or url.password is not None:
        raise UrlError("must hold no user or password; a key set is public")
    return url


async def download(
    url: URL, timeout_s: float = 5.0, max_bytes: int = 262_144, *, proxies: Proxies = NO_PROXIES
) -> bytes:
    """The document at ``url``, through its proxy if there is one; redirects are not followed.

    Raises:
        DownloadError: not there, not in time, or too long. The message does not show the URL, which may hold a secret.
    """
    try:
        # A new connection each time: it is once in ten minutes, and nothing has to be kept or closed.
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                # A short compressed answer may inflate to a long one.
                auto_decompress=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as session,
            session.get(url, allow_redirects=False, **proxies.options(str(url))) as response,
        ):
            if response.status != 200:
                redirect = "; set the URL to where the redirect leads" if 300 <= response.status < 400 else ""
                raise DownloadError(f"the answer's status is {response.status}, not 200{redirect}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise DownloadError(f"the answer is longer than {max_bytes} bytes")
            return bytes(body)
    except TimeoutError:
        raise DownloadError(f"no whole answer within {timeout_s:g} s") from None
    except aiohttp.ClientHttpProxyError as error:
        raise DownloadError(f"the proxy refuses: HTTP {error.status}") from None
    except aiohttp.ClientConnectionError as error:
        raise DownloadError(str(error)) from None
    except aiohttp.ClientError as error:
        raise DownloadError(type(error).__name__) from None
