"""`python -m hoga`: the same as the `hoga` command."""

import sys

from hoga.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
