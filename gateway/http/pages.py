"""The dashboard, from memory: one document with all its parts, so that a visit is one request.

Each part is also served by itself. What a browser has already is not sent again.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web

_WEB: Final = Path(__file__).parent.parent / "web"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}

_MODULES: Final = {
    "index.html": (
        "figures refusal connection prices/moves prices/history prices/canvas prices/row prices/table prices/chart"
        " prices/detail choice feeds prices/heads linkfigures raw status keys app"
    ),
    "ops/ops.html": "figures ops/fleet ops/ops",
}
"""Each document's modules. Each of them imports only from those before it."""

_SHEET: Final = re.compile(r' *<link rel="stylesheet" href="web/([a-z/]+\.css)">\n')
_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\.[a-z./]+\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export ", re.MULTILINE)

_LOCKED: Final = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Everything a page needs comes from here; nothing else may run in it."""


class Part:
    """A file with its headers."""

    def __init__(self, name: str, body: bytes, policy: str = _LOCKED) -> None:
        """The suffix of ``name`` gives the type; ``policy`` is the Content Security Policy."""
        self._body = body
        self._type = _TYPES[Path(name).suffix]
        self._tag = hashlib.sha256(body).hexdigest()[:32]
        self._headers: Mapping[str, str] = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.ETAG: f'"{self._tag}"',
        }

    def answer(self, request: web.Request) -> web.Response:
        """All of it, or 304 for a browser that has it (RFC 9110, section 13.1.2)."""
        wanted = request.if_none_match or ()
        if any(tag.value in (self._tag, "*") for tag in wanted):
            return web.Response(status=304, headers=self._headers)
        return web.Response(body=self._body, content_type=self._type, charset="utf-8", headers=self._headers)


class Pages:
    """All files of the dashboard and of the operator's page."""

    def __init__(self, folder: Path = _WEB) -> None:
        """Read them from ``folder``, once."""
        self.parts = {
            path.relative_to(folder).as_posix(): Part(path.name, path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES and path.suffix != ".html"
        }
        self.index, self.ops = (_assembled(folder, name) for name in _MODULES)


def _assembled(folder: Path, name: str) -> Part:
    """A document with all its parts, and a policy that lets only its own style and script run, named by their hashes.

    What it names is relative to its own address, so that a proxy may serve it below any path.
    """

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    document = read(name)
    style = "".join(read(sheet) for sheet in _SHEET.findall(document))
    modules = [f"{module}.js" for module in _MODULES[name].split()]
    script = "".join(_EXPORT.sub("", _IMPORT.sub("", read(module))) for module in modules)
    document = _SHEET.sub("", document)
    for outside, inside in (
        (f'<script type="module" src="web/{modules[-1]}"></script>', f'<script type="module">{script}</script>'),
        ("</head>", f"<style>{style}</style>\n</head>"),
        ('"web/icon.svg"', f'"data:image/svg+xml,{quote(read("icon.svg"))}"'),
    ):
        document = document.replace(outside, inside)
    policy = f"{_LOCKED}; script-src {_hash(script)}; style-src {_hash(style)}; img-src 'self' data:"
    return Part(name, document.encode(), policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
