"""archive.prove: judging the files: every number recomputed from the bytes, and held against what the ledger explains."""
