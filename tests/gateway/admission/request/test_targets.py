"""Whom a target means. No sockets."""

import pytest
from multidict import CIMultiDict

from gateway.admission.request.targets import require_own_target
from gateway.errors import RefusalError


def statuses(host: str, *requests: str) -> list[int]:
    """What each of ``requests``, a method and a target, is answered; 200 for those that are let in."""
    received = []
    for request in requests:
        method, _, target = request.partition(" ")
        try:
            require_own_target(method, target, CIMultiDict({"Host": host}))
            received.append(200)
        except RefusalError as error:
            received.append(error.status)
    return received


def test_a_path_means_whom_host_means() -> None:
    """A target that is a path means the host in `Host`, even if the path looks like a host."""
    assert [200] * 4 == statuses("ours", "GET /", "GET //other/ws", "GET /http://other/", "OPTIONS *")


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://ours/ws", "ours"), ("HTTP://OURS/ws", "ours"), ("http://ours", "ours."), ("ws://ours:80/ws", "ours"),
        ("https://ours/ws", "ours:443"), ("wss://ours:8443/", "ours:8443"), ("http://[::1]:80/", "[0:0:0:0:0:0:0:1]"),
        ("http://ours?a=//other", "ours"),
    ],
)  # fmt: skip
def test_a_url_may_name_the_host_that_host_names(target: str, host: str) -> None:
    """A URL may name the same host as `Host`, in any spelling, with or without its default port."""
    assert [200] == statuses(host, f"GET {target}")


@pytest.mark.parametrize(
    "target",
    [
        "http://other/ws", "http://ours:81/ws", "https://ours/ws", "http://ours@other/ws", "http://other@ours:80/ws",
        "http://a:b@ours:80/ws", "http:///ws", "http://ours.other/ws", "http://other\\@ours:80/", "ftp://ours/ws",
        "file:///etc/passwd", "ours:80", "*", "ws", "http:ours", "http://ours:x/",
    ],
)  # fmt: skip
def test_a_url_of_another_host_is_refused(target: str) -> None:
    """A URL with another host than `Host` is refused (RFC 9112, section 3.2.2), and so is userinfo."""
    assert [400] == statuses("ours:80", f"GET {target}")


def test_this_is_no_proxy() -> None:
    """CONNECT is refused for any target, also for ourselves."""
    assert [405, 405] == statuses("ours", "CONNECT ours:80", "CONNECT /")
