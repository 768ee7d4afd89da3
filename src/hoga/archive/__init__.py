"""archive: the files, in four wings; each imports only what stands left of it.

form (what a file is)  <  keep (making files)  <  read (the past, as lines)  <  prove (judging files)
"""
