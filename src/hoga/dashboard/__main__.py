"""`python -m hoga.dashboard`: the dashboard as `hoga run` starts it, told what to do on standard input."""

import sys

from hoga.dashboard.serve import serve_as_child

if __name__ == "__main__":
    sys.exit(serve_as_child())
