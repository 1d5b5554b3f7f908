"""Make the generated parts of docs/ anew: ``python -m tests.reference``."""

import sys

from tests.reference.pages import DOCS, PAGES, renewed


def main() -> None:
    """Write the pages that have changed, and name them."""
    for name in PAGES:
        page, text = DOCS / name, renewed(name)
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
            sys.stdout.write(f"docs/{name} is new\n")


if __name__ == "__main__":
    main()
