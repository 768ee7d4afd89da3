"""The dashboard of a `hoga run` inside a program of your own, on its own event loop.

hoga run &  python examples/dashboard_in_a_program.py      (the data folder of the run as second argument, if it is not ./data)
"""

import asyncio
import sys
import urllib.error
import urllib.request

import hoga


async def main(seconds: float, data: str | None) -> None:
    async with hoga.DashboardServer(data) as server:  # port=8001 for one of your choice
        print(f"open {server.url}")
        health = server.url.replace("/dashboard", "/healthz")
        for _ in range(max(1, int(seconds))):  # whatever your program does
            await asyncio.sleep(1)
        try:
            answer = await asyncio.to_thread(urllib.request.urlopen, health)
        except urllib.error.HTTPError as fault:
            answer = fault  # 503: data does not flow as it should
        print(answer.read().decode().strip())


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, sys.argv[2] if len(sys.argv) > 2 else None))
