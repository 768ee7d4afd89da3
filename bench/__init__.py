"""bench: how fast hoga is on this machine, measured from outside: a load server, the program, and bare clients beside it."""
