"""What viewers cost: the dashboard's processor time with none and with a hundred, on a run of 200 streams that is played.

    python -m tests.campaign.viewers [--viewers 100] [--seconds 10] [--rounds 3]

The viewers are raw sockets in a process of their own: they shake hands, read, and throw away. Prints one JSON object:
percent of a core for each number of viewers (the median of the rounds), and what one viewer adds, µs a frame.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from bench.audience import CrowdPlan
from bench.children import start_child
from tests.dashboard.stage import Served, Stage, serving


def cost(served: Served, viewers: int, seconds: float) -> float:
    """Percent of a core that the dashboard takes with so many viewers."""
    port = served.url.rpartition(":")[2]
    crowd = start_child("watch", CrowdPlan("127.0.0.1", int(port), viewers))
    try:
        served.wait_for(lambda status: status.viewers == viewers)
        process = psutil.Process(served.process.pid)
        time.sleep(1.0)
        began, used = time.monotonic(), sum(process.cpu_times()[:2])
        time.sleep(seconds)
        spent = 100 * (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)
        assert crowd.poll() is None, "the viewers were let go"
        return spent
    finally:
        crowd.kill()
        crowd.wait()
        served.wait_for(lambda status: status.viewers == 0)


def campaign(viewers: int, seconds: float, rounds: int) -> dict[str, object]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), symbols=100)
        stage.play()
        try:
            with serving(stage, max_connections=viewers, hardware_interval_s=1.0, cpu_span_s=0.2) as served:
                found = {count: [cost(served, count, seconds) for _ in range(rounds)] for count in (0, viewers)}
        finally:
            stage.close()
    percent = {str(count): round(median(values), 2) for count, values in found.items()}
    each_us = (median(found[viewers]) - median(found[0])) / 100 / (viewers * 10) * 1e6
    return {"percent_of_a_core": percent, "us_per_frame": round(each_us, 1), "rounds": {str(key): value for key, value in found.items()}}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(json.dumps(campaign(options.viewers, options.seconds, options.rounds)))


if __name__ == "__main__":
    main()
