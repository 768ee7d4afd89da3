"""core: the vocabulary every room shares. Pure: no I/O, no clock, no randomness."""
