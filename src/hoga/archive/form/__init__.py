"""archive.form: what a file of the archive is: its name, its bytes, its lines, what they say, and how they are made and read.

When which one is made, `archive.keep` decides; whether it is sound, `archive.prove`.
"""
