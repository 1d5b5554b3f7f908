"""A gateway for gunicorn that fails. The file that ``FAULT_FILE`` names says how and when."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from gateway.app import create_app
from market.settings.environ import SettingError


async def app_factory() -> web.Application:
    """Make the app as `gateway.app.app_factory` does, unless it is to fail before."""
    fault = _fault()
    match fault:
        case "import":
            import market.bus.no_such_module  # type: ignore[import-not-found]  # noqa: F401
        case "setting":
            raise SettingError("BUS_URL was good a moment ago; write redis://host:port/db")
        case "exit":
            sys.exit(1)
        case "end":
            os._exit(70)
    app = create_app()
    if fault == "end soon":
        app.cleanup_ctx.append(_end_soon)
    return app


def _fault() -> str:
    return Path(os.environ["FAULT_FILE"]).read_text(encoding="ascii").strip()


async def _end_soon(_: web.Application) -> AsyncIterator[None]:
    asyncio.get_running_loop().call_later(0.2, os._exit, 70)
    yield
