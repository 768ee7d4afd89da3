"""Makes the API reference from the docstrings (`make reference`): `python -m tests.house.reference FOLDER`. Its pages need nothing else."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pdoc
import pdoc.render

import hoga

__all__ = ["ROOMS", "write_reference"]

ROOMS = ("hoga", r"!hoga\..*", "hoga.hub.compat", "hoga.simulator")
"""What users import: the public names, and two rooms beside them."""


def write_reference(folder: Path) -> None:
    """Write the pages into `folder`; `hoga.html` is where a reader begins."""
    for name in hoga.__all__:
        getattr(hoga, name)  # a name is imported when it is first asked for
    pdoc.render.configure(docformat="google", show_source=False, footer_text=f"hoga {hoga.__version__}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*may refer to either the installed Python module", category=RuntimeWarning)  # ./hoga
        warnings.filterwarnings("ignore", message="Error parsing type annotation", category=UserWarning)  # then it stands as it is written
        pdoc.pdoc(*ROOMS, output_directory=folder)


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]))
