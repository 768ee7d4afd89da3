"""quality: pure judges of a stream's fitness. Sequence, latency, gate, cadence. No clock, no I/O."""
