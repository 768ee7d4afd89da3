"""app.backtest: a strategy on what was recorded, once or with many sets of parameters, and what a trader decided, decided again."""
