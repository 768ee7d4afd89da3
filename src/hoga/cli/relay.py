"""cli.relay: `hoga relay`, what is recorded sent to NATS as it lies on disk."""

from __future__ import annotations

import signal

import typer

from hoga.cli._output import error_line, print_json, print_text
from hoga.cli.config import ConfigOption, DataOption, JsonOption, SetOption
from hoga.core.errors import HogaError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga relay` to `app`."""
    app.command("relay")(relay)


def relay(config: ConfigOption = None, settings: SetOption = None, data: DataOption = None, as_json: JsonOption = False) -> int:
    """Send what a collector records to NATS JetStream.

    Reads the data folder and nothing else, until SIGTERM or Ctrl-C. `hoga run` does the same beside it where NATS_URL is set.

    Example: hoga relay -c hoga.conf --data data
    """
    from hoga.app.config.rooms import relay_config
    from hoga.cli.run import load_for_run
    from hoga.relay.serve import REFUSED, serve
    from hoga.runtime.logs import setup_logging
    from hoga.runtime.loop import run as run_loop

    loaded = load_for_run(config, settings, data)
    told = relay_config(loaded, None)
    logs = setup_logging(directory=None, level=loaded.program.log_level, form=loaded.program.log_format)

    def ready() -> None:
        if as_json:
            print_json({"ready": True, "collector": told.collector, "data": told.root})
        else:
            print_text(f"relaying {told.root} as {told.collector} to {told.nats_url}; Ctrl-C stops")

    try:
        ended_by = run_loop(serve(told, on_ready=ready))
    except HogaError as fault:
        error_line(str(fault))
        return REFUSED
    finally:
        logs.close()
    return 130 if ended_by is signal.SIGINT else 0
