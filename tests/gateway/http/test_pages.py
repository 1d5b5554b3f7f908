"""What the dashboard is served as."""

import base64
import hashlib
import re

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from gateway.http.pages import Pages

PAGES = Pages()


def answer(name: str, tag: str | None = None) -> web.Response:
    """What is answered to who has ``tag``."""
    headers = {} if tag is None else {"If-None-Match": tag}
    part = {"/": PAGES.index, "/ops": PAGES.ops}.get(name) or PAGES.parts[name]
    return part.answer(make_mocked_request("GET", "/", headers=headers))


DOCUMENTS = ("/", "/ops")


def document(path: str) -> str:
    """The whole of it."""
    body = answer(path).body
    assert isinstance(body, bytes)
    return body.decode()


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_document_asks_for_nothing_more(path: str) -> None:
    """Script, style and picture are in it, so that many who open it at once are as many requests."""
    assert [] == re.findall(r"(?:src|href)=\"(?!data:)", document(path))
    assert [] == re.findall(r"^(?:import|export)\b", document(path), re.MULTILINE)
    assert "web/" not in document(path)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_only_its_own_script_and_style_may_run(path: str) -> None:
    """The policy names both by their hashes; no other inline code is among them."""
    policy = answer(path).headers["Content-Security-Policy"]
    for kind, text in (("script", r"<script[^>]*>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        [inside] = re.findall(text, document(path), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'" in policy


@pytest.mark.parametrize("path", DOCUMENTS)
def test_no_two_of_its_scripts_have_a_name_in_common(path: str) -> None:
    """They become one, where each name is there once."""
    [script] = re.findall(r'<script type="module">(.*?)</script>', document(path), re.DOTALL)
    names = re.findall(r"^(?:const|let|class|(?:async )?function\*?) (\w+)", script, re.MULTILINE)
    assert len(names) > 10
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", ["/", "/ops", "app.js", "base.css", "icon.svg"])
def test_who_has_it_is_not_sent_it_again(name: str) -> None:
    """By its tag, weak or strong, among others or `*`; and asks each time, as it may have changed."""
    first = answer(name)
    tag = first.headers["ETag"]
    assert (200, "no-cache") == (first.status, first.headers["Cache-Control"])
    for have in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = answer(name, have)
        assert (304, tag, None) == (again.status, again.headers["ETag"], again.body)
    for have in ('"x"', "nonsense", ""):
        assert 200 == answer(name, have).status
