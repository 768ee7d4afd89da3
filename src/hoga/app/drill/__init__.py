"""app.drill: a trader is killed, cut off and lied to, at a simulated exchange, and what is left is compared with the truth.

| module | what it is |
|---|---|
| `cases` | what is done, as a table |
| `strategies` | the strategy that is killed, and goes on after it |
| `victim` | a trader in a process of its own, that dies where it is told to |
| `judge` | what the journal, the trader and the exchange say, compared |
| `campaign` | cases run, some at a time, each against a simulator of its own |
"""
