"""history: reads and completes the past: `hoga.load`, `hoga.read`, `hoga.catalog`, and what is made of the archive.

asking          what a user named, as series and days
decoding        a series as batches of arrays, gaps marked
tables          Parquet files as batches of arrays
marks           where something is missing, marked on the records
filling         what was healed, among what was received
batch           columns by name, and how they grow
merging         batches of several series as one
dataset         the handle that `load` gives
frames          arrays as frames of other libraries
events          records as typed events
market          records as a trader sees them: integers, by receipt
deltas          books out of deltas and snapshots, as a trader sees them
candles         candles as a trader sees them, of any origin
column_cache    a day as integers, beside the archive
export          the archive in other forms
events_npz      books, deltas and trades as events of hftbacktest
foreign         other recorders' captures
coverage        what is recorded and what is missing, as facts
coverage_page   the page of it, as text
coverage_words  its words, in each language
retention       removes old days that somebody else provably holds
mirror          a copy in a bucket, which says when it is not complete
view            an archive around an instant, for its page
depthmap        the depth of a book over time as a picture

backfill        the exchange's past from its archive of files: the whole of it
listing         a page of what the archive lists
plan            which files hold the days that are wanted
fetch           one file at a time, proven
index           what is known of those that are here
zipped          the CSV in a zip, as blocks of whole lines
csvrows         its rows to Parquet (polars)
rows            what rows say of themselves: holes, days
published       what was made of them as batches of arrays

heal            trades that were not received, fetched afterwards
refill          which they are, as ranges of ids
"""
