"""runtime: the process around the program. Event loop, logs, shutdown, worker pool, clock. Knows nothing of markets."""
