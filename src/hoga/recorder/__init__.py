"""recorder: from frames to a durable journal, and from journals to the archive.

legs       which connection brings which stream, and who takes its frames
fastpath   the hot path of one stream: the ordinary frame
intake     one stream's account: is the frame new, may it be recorded; every other frame
accounted  the time in which a leg was there that was alive, or that a gap tells of
counted    its counted gaps: frames that came and were not recorded, by their reasons
trail      what a stream remembers of its newest frames, by which they are known again
lane       frames of many streams batched into chunks; the minute's end
writer     two threads: one writes, one fsyncs
ending     the session's last word, once every journal is durable
probe      a stream received for its event time only
lateness   one-way latency of each symbol, and the gate that follows from it
recorder   all streams of a venue: their lanes, gates, gaps, and what the ledger says of them
sealing    journals to segments, segments to days, in pool processes
config     how a venue is recorded and sealed
"""
