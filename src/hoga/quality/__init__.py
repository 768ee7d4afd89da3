"""quality: pure judges: is a stream fit (`sequence`, `latency`, `gate`, `cadence`), is a connection, a clock, a disk (`health`, by the
thresholds of `limits`), and what happened (`incidents`). No clock, no I/O."""
