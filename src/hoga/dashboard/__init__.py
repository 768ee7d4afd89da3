"""dashboard: one live page that shows everything, served by a process of its own that only ever reads."""
