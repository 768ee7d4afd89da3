"""recorder: from frames to a durable journal, and from journals to the archive.

intake    per stream: is the frame new, may it be recorded; the hot path
lane      frames of many streams batched into chunks; the minute's end
writer    two threads: one writes, one fsyncs
keeper    what is said of the streams besides their frames: legs, gaps, latency, counts
sealing   journals to segments, segments to days, in pool processes
"""
