"""S3 as moto plays it: a server of others' making, where it is installed (in an environment of its own: it is large).

python -m venv .moto && .moto/bin/pip install "moto[s3,server]"
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["find_moto", "moto_server"]

_OWN = Path(__file__).parent.parent / ".moto" / "bin" / "moto_server"


def find_moto() -> str | None:
    """The server's program: what MOTO_SERVER names, on the path, or in the environment of its own."""
    return os.environ.get("MOTO_SERVER") or shutil.which("moto_server") or (str(_OWN) if _OWN.exists() else None)


@contextmanager
def moto_server(program: str) -> Iterator[str]:
    """Its endpoint, with a bucket `bkt`, until the end of the block."""
    process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        endpoint = next(found[1] for line in process.stderr if (found := re.search(r"Running on (http://[\d.:]+)", line)))
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bkt", method="PUT")):
            pass
        yield endpoint
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()
