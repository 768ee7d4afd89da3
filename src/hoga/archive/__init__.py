"""archive: the files. Layout, journal, sealed segments, ledger, manifest, merge, verify, recover, read."""
