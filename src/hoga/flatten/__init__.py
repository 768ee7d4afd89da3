"""flatten: leaves all positions, now, and proves it. Imports `core`, `venues`, `net`, `audit`, `runtime`, and nothing else.

account     one account at one venue over connections of its own: signed by the venue's time, asked again where that is safe
arming      a flatten in two steps: armed by somebody, confirmed by the same one in time
exiting     the exit of a trader's folder: freeze, what the journals prove, the procedure, its own journal
plan        what is cancelled, what is closed, when it is proven: without a clock or a socket
port        what the exit needs of an account
procedure   the steps in their order, with their deadlines, until the verdict
proving     what the journals prove, and what a trader that still writes proves more
report      what an exit is asked for, and what came of it
settling    how much is the trader's, and what became of single orders that count in it
watching    what a sentinel makes of a trader's heartbeats
"""
