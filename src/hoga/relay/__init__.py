"""hoga.relay: carries what a collector wrote to other machines, and back into one archive, over NATS. A reader of the log: the
recorder knows nothing of it, and nothing is ever deleted because a broker has it."""
