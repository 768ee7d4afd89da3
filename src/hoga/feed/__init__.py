"""feed: keeps connections to a venue up, for ever, and hands their frames to a sink. `connection` is one of them, `feed` all."""
