"""Campaigns: long runs that are not part of `./hoga test`. `make soak`, `make faults`; results go to docs/results/."""
