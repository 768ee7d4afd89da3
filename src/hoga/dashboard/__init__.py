"""dashboard: one live page that shows everything, served by a process of its own that reads; a trader it may ask to leave its positions."""
