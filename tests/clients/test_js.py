"""The client in JavaScript: its own tests, its types, and what it has in common with the gateway."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from gateway.client.option_sets import MOST_SETS
from gateway.websocket.close_codes import CloseReason
from market.process.version import version
from tests.integration.js_programs import CLIENT, node

SRC = CLIENT / "src"
SOURCES = sorted(SRC.rglob("*.js"))
TESTS = sorted((CLIENT / "test").rglob("*.test.js"))

LAYERS = ("index", "shared stream", "connection subscription events", "prices environment", "protocol")
"""Folders of the sources, and modules beside them, top first: each imports only from layers below its own."""


def run(*command: str) -> str:
    """What a program prints.

    Raises:
        AssertionError: it did not end well.
    """
    done = subprocess.run(command, cwd=CLIENT, capture_output=True, text=True, timeout=100)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_pass() -> None:
    """They run in Node, with time that is turned by hand and a gateway without a network."""
    said = run(node(), "--test", *map(str, TESTS))
    assert "# fail 0" in said.replace("ℹ", "#")


def test_every_module_has_a_test_or_is_tested_through_the_stream() -> None:
    """What decides something by itself has a file of tests of its own."""
    tested = {path.relative_to(CLIENT / "test").as_posix().removesuffix(".test.js") for path in TESTS}
    through_the_stream = {
        *("environment", "events", "index", "connection/close_codes", "connection/link", "connection/token"),
        *("prices/prices", "prices/states", "subscription/routes", "subscription/subscription"),
        *("protocol/commands", "protocol/listings", "protocol/named", "protocol/wants", "protocol/wire"),
    }
    assert {path.relative_to(SRC).with_suffix("").as_posix() for path in SOURCES} == tested | through_the_stream
    assert tested.isdisjoint(through_the_stream)


def test_folders_import_downwards() -> None:
    """No folder imports from one of its own layer or of one above, so nothing imports in a circle."""
    depths = {name: depth for depth, layer in enumerate(LAYERS) for name in layer.split()}
    for path in SOURCES:
        own = path.relative_to(SRC).with_suffix("").parts[0]
        for imported in re.findall(r'^(?:import|export) .* from "(\.[^"]+)";$', path.read_text(encoding="utf-8"), re.M):
            target = (path.parent / imported).resolve()
            assert target.is_file(), f"{path} imports {imported}"
            other = target.relative_to(SRC).with_suffix("").parts[0]
            assert own == other or depths[own] < depths[other], f"{path} imports {imported}"


def test_types_and_sources_pass_the_compiler() -> None:
    """A program in TypeScript may write what the declarations say, and the sources keep to their own types."""
    run(node("typescript"), "node_modules/typescript/bin/tsc", "--project", ".")


@pytest.mark.parametrize("renewable", [True, False])
def test_it_obeys_every_close_code_of_the_gateway(renewable: bool) -> None:
    """What it does is what the gateway means; a code that bars the same token only is no end for who has another."""
    script = f"""
        import {{ afterClose }} from "{(SRC / "connection" / "close_codes.js").as_uri()}";
        const codes = {sorted({reason.code for reason in CloseReason})};
        const token = {{ renewable: {json.dumps(renewable)} }};
        console.log(JSON.stringify(Object.fromEntries(codes.map((code) => [code, afterClose(code, token).again]))));
    """
    obeyed = json.loads(run(node(), "--input-type=module", "--eval", script))
    for reason in CloseReason:
        meant = reason.value.reconnect
        if renewable and reason in {reason for reason in CloseReason if reason.code in {4401, 4403}}:
            meant = "with backoff"
        assert meant == obeyed[str(reason.code)], reason


def test_it_is_of_the_same_version_and_knows_the_same_limit() -> None:
    """A release has one number, and the client keeps to as many sets of options as the gateway takes."""
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
    assert version(Path(__file__).parents[2]) == package["version"]
    assert f"MOST_SETS = {MOST_SETS};" in (SRC / "protocol" / "options.js").read_text(encoding="utf-8")


def test_it_depends_on_nothing_and_ships_what_it_exports() -> None:
    """The package has no dependencies, and its files have all that is exported."""
    package = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in package
    for path in package["exports"]["."].values():
        assert (CLIENT / path).is_file()


def test_no_module_is_longer_than_three_hundred_lines() -> None:
    """A longer one is two."""
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {} == {name: length for name, length in lengths.items() if length > 300}
