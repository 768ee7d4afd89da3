"""cli.view: `hoga view`."""

from __future__ import annotations

import errno
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hoga.cli._output import note, print_json, print_text
from hoga.cli._recorded import mistake, require_present

if TYPE_CHECKING:
    import socket

__all__ = ["register"]

_PORT = 8010
_TRIES = 20


def register(app: typer.Typer) -> None:
    """Add `hoga view` to `app`."""
    app.command("view")(view)


def view(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="A data folder, a venue's folder, a LOB_DIR or a day file.")] = Path(
        "data"
    ),
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help=f"Port [default: {_PORT}, or the next that is free]; 0: any.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one JSON document when it is ready.")] = False,
) -> int:
    """Look at an archive in a browser.

    Choose an instrument, drag to any instant: the book, the trades, the depth over time and the gaps around it. Arrow keys go frame by
    frame; the address names the instant; what is seen can be exported. It listens on this machine only, and changes nothing.

    Example: hoga view data
    """
    from hoga.app.view import build_view, serve_view
    from hoga.history.view import View
    from hoga.runtime.loop import ends_on, run

    require_present([path])
    archive = View(path.absolute())
    if not archive.names():
        raise mistake("PATH", str(path), "an archive with order books or trades; nothing of either is recorded here")
    listener = _listener(port)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

    async def serve() -> signal.Signals | None:
        with ends_on(signal.SIGINT, signal.SIGTERM) as ending:
            if as_json:
                print_json({"ready": True, "view": url})
            else:
                print_text(f"view: {url}")
                note("Ctrl-C stops")
            await serve_view(build_view(archive, shown=str(path)), listener, ending)
            return ending.by

    return 130 if run(serve()) is signal.SIGINT else 0


def _listener(port: int | None) -> socket.socket:
    from hoga.app.view import listen_on
    from hoga.dashboard.serve import PortTaken

    for each in [port] if port is not None else [*range(_PORT, _PORT + _TRIES), 0]:
        try:
            return listen_on(each)
        except OSError as fault:
            if port is not None or fault.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken("127.0.0.1", each, fault) from fault
    raise AssertionError("the system always has a free port, or says why not")
