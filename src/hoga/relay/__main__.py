"""`python -m hoga.relay`: the relay as `hoga run` starts it, told what to do on standard input."""

import sys

from hoga.relay.serve import serve_as_child

if __name__ == "__main__":
    sys.exit(serve_as_child())
