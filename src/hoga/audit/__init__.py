"""audit: the journal of orders: written before the act, chained, proven and explained. Imports nothing above `runtime`.

chain       one record as one line, and the chain of hashes that holds the lines together
checkpoint  what files of a journal came to, so that a start reads only what is behind them
folder      where a journal's files lie, and its small ones: head, boot counter, whose it is
holding     who may write: one process a folder, one an account
latch       the ladder's rung, as every process of a trader's folder sees it at once
log         `AuditLogger`: appends records, makes them durable, heals after a disk's fault
reading     a journal's files as records
recovery    what a start must know of the lives before it
retaining   how long tapes are kept
tape        the form of a tape: every frame that an engine was given
taping      writes a tape while the trader decides, and reads it again
telling     `why` and `timeline`: the journal as a person reads it
verify      is the journal as it was written?
"""
