"""cli: the `hoga` command. Parses arguments, calls one function of a lower room, prints its result. No logic of its own."""
