"""report: what came of a run of a trader, as one page that needs nothing else.

`page` makes the page of an outcome (`trading.told`) and of how far its journal is proven; `words` has every word of it in each language.
"""
