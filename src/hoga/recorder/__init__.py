"""recorder: from frames to a durable journal, and from journals to the archive.

intake    per stream: is the frame new, may it be recorded; the hot path
lane      frames of many streams batched into chunks; the minute's end
writer    two threads: one writes, one fsyncs
lateness  one-way latency of each symbol, and the gate that follows from it
recorder  all streams of a venue: connections, gaps, what is said of the streams besides their frames
sealing   journals to segments, segments to days, in pool processes
"""
