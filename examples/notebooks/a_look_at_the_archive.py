# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A look at the archive
#
# What a recording holds, how wide the spread was, where the depth lay, how late frames came, and what is missing. Nothing is
# filled in: where nothing was recorded, lines break and pictures stay empty.
#
# Run it on the data of `hoga demo` (a simulated exchange), or set `HOGA_DATA` and `HOGA_SERIES` to your own:
#
#     pip install jupytext notebook matplotlib hoga[analysis]
#     jupytext --to ipynb a_look_at_the_archive.py && jupyter notebook a_look_at_the_archive.ipynb

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

import hoga

ROOT = os.environ.get("HOGA_DATA", "demo-data")
SERIES = os.environ.get("HOGA_SERIES", "binance:BTCUSDT")

rows = hoga.catalog(ROOT)
[(row.venue, row.symbol, row.kind, row.day, row.records) for row in rows]

# %% [markdown]
# ## Books
#
# `prices` and `sizes` have the shape (records, 2, levels): bids and asks, best first. `gap_before` says which records come right
# behind a gap.

# %%
books = hoga.load(SERIES, "orderbook", root=ROOT)
arrays = books.numpy()
times = arrays.recv_ns.view("datetime64[ns]")
best_bid, best_ask = arrays.prices[:, 0, 0], arrays.prices[:, 1, 0]
assert np.nanmin(best_ask - best_bid) > 0
len(times), int(arrays.gap_before.sum())

# %% [markdown]
# ## The spread
#
# A line must not lead over a gap: the value at its end is set to NaN.

# %%
spread = best_ask - best_bid
spread[arrays.gap_before] = np.nan

plt.figure(figsize=(10, 3))
plt.plot(times, spread, linewidth=0.8)
plt.ylabel("spread")
plt.title(f"{SERIES}: median {np.nanmedian(spread):.8g}")
plt.show()

# %% [markdown]
# ## Where the depth was
#
# The size at each price, over time. Each book is drawn until the next one comes, and not over a gap.

# %%
ROWS, COLUMNS = 120, 400
low, high = np.nanmin(arrays.prices), np.nanmax(arrays.prices)
edges = np.linspace(arrays.recv_ns[0], arrays.recv_ns[-1] + 1, COLUMNS + 1)
newest = np.searchsorted(arrays.recv_ns, edges[1:], side="left") - 1
picture = np.full((ROWS, COLUMNS), np.nan)
for column, record in enumerate(newest):
    if record + 1 < len(times) and arrays.gap_before[record + 1] and edges[column] > arrays.recv_ns[record]:
        continue
    prices, sizes = arrays.prices[record].ravel(), arrays.sizes[record].ravel()
    there = ~np.isnan(prices)
    place = ((prices[there] - low) / (high - low) * (ROWS - 1)).astype(int)
    picture[:, column] = np.bincount(place, sizes[there], minlength=ROWS)

plt.figure(figsize=(10, 4))
plt.imshow(np.log1p(picture), origin="lower", aspect="auto", extent=(0, (edges[-1] - edges[0]) / 1e9, low, high))
plt.xlabel("seconds")
plt.ylabel("price")
plt.title("depth")
plt.show()

# %% [markdown]
# ## How late frames came
#
# Receipt less the venue's own time, of trades: their events say when they happened. A clock that is off shows here as well.

# %%
trades = hoga.load(SERIES, "execution", root=ROOT).numpy()
late_ms = (trades.recv_ns - trades.event_ns) / 1e6
print("latency, ms: p50 {:.1f}, p99 {:.1f}, most {:.1f}".format(*np.percentile(late_ms, [50, 99, 100])))

plt.figure(figsize=(10, 3))
plt.hist(late_ms, bins=60)
plt.xlabel("ms")
plt.title("latency of trades")
plt.show()

# %% [markdown]
# ## What is missing, and why

# %%
for gap in books.gaps():
    start, end = np.datetime64(gap.from_ns, "ns"), np.datetime64(gap.to_ns, "ns")
    print(f"{start} – {end}  {gap.reason}  {'unknown' if gap.missed is None else gap.missed} missed")

for row in books.quality():
    print(
        f"{row.day}: {row.records} records, proven {row.proven:.2%}, unprovable {row.unprovable:.2%}, missing {row.missing:.2%} of the day"
    )
