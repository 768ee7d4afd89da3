"""trading: what decides: orders, portfolio, targets, strategies, limits; `engine` is the one door in. No venue, no clock, no socket."""
