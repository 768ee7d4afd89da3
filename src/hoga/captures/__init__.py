"""captures: what other recorders have written down of a venue's wire, as frames: for the simulator's replay and for history alike. Pure."""
