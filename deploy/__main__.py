"""``python -m deploy``: the same as ``tickgate``, in a source tree."""

import sys

from deploy.cli import main

if __name__ == "__main__":
    sys.exit(main(program="python -m deploy"))
