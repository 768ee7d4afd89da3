"""venues: what is particular to each venue, as data and pure functions. One folder a venue, one line in the registry."""
