"""archive.union: the archives of several collectors as one that has whatever any of them got, each record once."""
