"""The browser of tests: what it waits for comes, whatever the page does meanwhile."""

import itertools

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.browser import open_page, running_browser

pytestmark = pytest.mark.integration

TIMES = 4


async def test_a_page_that_loads_itself_anew_is_waited_for() -> None:
    """What is looked at is the page that is there, not one that has gone."""
    loads = itertools.count(1)

    async def index(_request: web.Request) -> web.Response:
        load = next(loads)
        again = "setTimeout(() => location.reload(), 200)" if load < TIMES else ""
        text = f"<!doctype html><link rel=icon href=data:,><script>window.load_ = {load}; {again}</script>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", index)
    with running_browser() as address:
        async with TestServer(app) as server, open_page(address) as page:
            await page.open(str(server.make_url("/")))
            assert await page.until(f"window.load_ === {TIMES}")
            assert [] == page.complaints
