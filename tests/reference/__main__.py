"""Make the generated parts of docs/ and of clients/js, and the dashboard, anew: ``python -m tests.reference``."""

import sys

from deploy.grafana import dashboard
from tests.reference.pages import DOCS, PAGES, renewed
from tests.reference.sources import ROOT
from tests.reference.typescript import DECLARATIONS, declarations


def main() -> None:
    """Write the files that have changed, and name them."""
    made = {DOCS / name: renewed(name) for name in PAGES}
    made |= {DECLARATIONS: declarations(), dashboard.FILE: dashboard.make()}
    for path, text in made.items():
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)} is new\n")


if __name__ == "__main__":
    main()
