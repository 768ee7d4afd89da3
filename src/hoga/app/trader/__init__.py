"""app.trader: a strategy at work: its shell, its page and door, the modes it runs in."""
