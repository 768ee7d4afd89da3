"""simulator.upbit: Upbit's public and private streams and REST over the engine, encoders of its own."""
