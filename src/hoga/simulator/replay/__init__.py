"""simulator.replay: captures of real traffic instead of the engine's market."""
