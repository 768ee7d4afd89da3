"""bench.peers: other programs on the same frames, where `bench/peers/install.sh` has put them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.books import RECORDED, symbol_names
from bench.children import BenchFailed

__all__ = ["Peer", "PeerCost", "find_peers", "peers_folder", "run_peer"]

_SCRIPTS = Path(__file__).resolve().parent / "peers"
_TIMEOUT_S = 120.0


class Peer(msgspec.Struct, frozen=True):
    """An installed peer: its own Python, and the script that runs it."""

    name: str
    python: Path
    script: Path


class PeerCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer printed: `frames` within `cpu_s` and `wall_s`; `does` says how far it takes a frame."""

    frames: int
    cpu_s: float
    wall_s: float
    ended_ns: int
    does: str
    version: str


def peers_folder(environment: Mapping[str, str]) -> Path:
    """Where `install.sh` puts them."""
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(environment.get("HOGA_BENCH_PEERS") or cache / "hoga" / "peers")


def find_peers() -> list[Peer]:
    """The peers that are installed, by name."""
    folder = peers_folder(os.environ)
    scripts = {path.stem.removeprefix("peer_"): path for path in sorted(_SCRIPTS.glob("peer_*.py"))}
    return [Peer(name, folder / name / "bin" / "python", path) for name, path in scripts.items() if (folder / name / ".ready").exists()]


def run_peer(peer: Peer, *, url: str, symbols: int, frames: int, seconds: float, core: int | None, folder: Path) -> PeerCost:
    """Run one peer on the load at `url`. Raises BenchFailed."""
    streams = [f"{symbol.lower()}@{RECORDED}" for symbol in symbol_names(symbols)]
    plan = {"url": url, "streams": streams, "frames": frames, "seconds": seconds, "core": core, "folder": str(folder)}
    log = folder.parent / f"{peer.name}.log"
    command = [str(peer.python), str(peer.script), json.dumps(plan)]
    with log.open("ab") as stderr:
        try:
            out = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=stderr, timeout=seconds + _TIMEOUT_S, check=False, cwd=folder
            ).stdout
            cost = msgspec.json.decode(out.splitlines()[-1], type=PeerCost)
        except (subprocess.TimeoutExpired, msgspec.DecodeError, IndexError) as fault:
            raise BenchFailed(peer.name, "it gave no result", log) from fault
    if not cost.frames or cost.frames < frames:
        raise BenchFailed(peer.name, f"it got {cost.frames} frames of {frames or 'many'}", log)
    return cost
