"""Reasons why a connection to the bus failed: one line each, with the fix if there is one, without secrets."""

import re
import ssl
from collections.abc import Iterator
from typing import Final

from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from market.bus.redis.connection.url import RedisUrl

_WRONG_NAME: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes of a self-signed certificate, or of an unknown issuer."""
_LONGEST: Final = 300
_SHORTEST_SECRET: Final = 4
"""A shorter password occurs in many words by chance."""


class ExplainedError(RedisConnectionError):
    """A connection could not be made; the message is what `explained` says."""


def explained(error: BaseException, url: RedisUrl, *, reached: bool = False) -> str:
    """Explain ``error``, which ended a connection to ``url`` before it was usable.

    ``reached`` says whether an earlier one was usable. Then the URL's scheme and certificates are right, and silence or
    an end is the fault of the server or of the network: a hint at TLS would be wrong.
    """
    if isinstance(error, ExplainedError):
        return str(error)
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _of_certificate(cause, url)
        # The end of a connection is no fault of TLS.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _of_tls(cause, url)
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return not_in_time(url, reached=reached)
    said = _said(error, url)
    if isinstance(error, AuthenticationError):
        asks = "refused user or password" if url.username or url.password else "asks for user and password"
        return f"{url.called} {asks}: {said}; {url.wording.credentials}"
    # The address may have any of these words in its name.
    what = said.replace(url.place, "")
    ended = re.search("closed|lost|reset|eof", what, re.IGNORECASE)
    if reached and ended:
        return f"{url.called} ended the connection: {said}"
    if ended or re.search("protocol", what, re.IGNORECASE):
        if url.tls is None and not url.path:
            return f"{url.called} does not answer as Redis does: {said}; where it speaks TLS, {url.wording.tls}"
        if url.tls is not None and url.tls.certfile is None:
            return f"{url.called} ended the connection: {said}; where it asks for a certificate of ours, {_ours(url)}"
    return said


def not_in_time(url: RedisUrl, *, reached: bool) -> str:
    """Explain that no answer came. ``reached`` says whether a connection was ever usable."""
    fix = f"; where it does not speak TLS, {url.wording.plain}" if url.tls is not None and not reached else ""
    return f"{url.called} did not answer in time{fix}"


def _of_certificate(error: ssl.SSLCertVerificationError, url: RedisUrl) -> str:
    begin, prefix = f"the certificate of {url.called}", url.wording.prefix
    why = error.verify_message
    if error.verify_code in _WRONG_NAME:
        return f"{begin} is for another name: {why}; {url.wording.name}, or {prefix}ssl_check_hostname=false"
    if error.verify_code in _UNKNOWN_ISSUER:
        return f"{begin} is of an unknown authority: {why}; name its PEM file in BUS_URL as {prefix}ssl_ca_certs"
    return f"{begin} is not valid: {why}"


def _of_tls(error: ssl.SSLError, url: RedisUrl) -> str:
    reason = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    if "wrong version number" in reason or "record layer failure" in reason:
        return f"{url.called} does not speak TLS; {url.wording.plain}, or the port that does"
    if "certificate required" in reason or "handshake failure" in reason:
        return f"{url.called} asks for a certificate of ours ({reason}): {_ours(url)}"
    return f"TLS with {url.called} failed: {reason}"


def _ours(url: RedisUrl) -> str:
    prefix = url.wording.prefix
    return f"name its PEM file in BUS_URL as {prefix}ssl_certfile, and its key's as {prefix}ssl_keyfile"


def _said(error: BaseException, url: RedisUrl) -> str:
    """The error's message, without the words of the command that it repeats: the command may be our AUTH."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(",? with args beginning with.*", "", text)
    if url.password and len(url.password) >= _SHORTEST_SECRET and url.password in text:
        return "the answer is not shown, as it repeats the password"
    return text[:_LONGEST].rstrip(".")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 10:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1
