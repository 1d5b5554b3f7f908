"""What docs/binance.md tells to write is what the programs here run."""

import re

from tests.foreign.binance.clients import CLIENTS, HERE, LONG_CLIENTS, ROOT

PAGE = (ROOT / "docs" / "binance.md").read_text(encoding="utf-8")


def test_each_line_for_a_client_stands_in_a_program_that_runs() -> None:
    """To the letter, but for blanks in front."""
    programs = [path for name in ("*/*.py", "*/*.js") for path in HERE.glob(name)]
    lines = {line.strip() for path in programs for line in path.read_text(encoding="utf-8").splitlines()}
    blocks = re.findall(r"^```(?:python|js)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    told = {line.strip() for block in blocks for line in block.splitlines()}
    assert told
    assert set() == told - lines


def test_each_client_that_ci_runs_has_its_lines() -> None:
    """Under a heading with its name."""
    headings = set(re.findall(r"^### (\S+)", PAGE, re.MULTILINE))
    assert {client.name for client in CLIENTS} <= headings


def test_every_client_is_in_a_table_with_its_version() -> None:
    """`make reference` writes them."""
    for client in (*CLIENTS, *LONG_CLIENTS):
        assert f"| `{client.name}` | {client.version} | {client.language} |" in PAGE


def test_every_client_is_pinned_to_its_version() -> None:
    """In the list that its environment is made of."""
    lists = ("requirements.in", "connector.in", "long.in", "node/package.json", "node_long/package.json")
    others = ("go/go.mod", "rust/Cargo.toml")
    text = "\n".join((HERE / name).read_text(encoding="utf-8") for name in (*lists, *others))
    for client in (*CLIENTS, *LONG_CLIENTS):
        assert re.search(rf"{client.name}(/v2)?(==|\": \"| v| = \"=){re.escape(client.version)}\b", text), client.name
