"""archive.read: the past, as lines: what is recorded, a stretch of time, the open minute, one series up to now."""
