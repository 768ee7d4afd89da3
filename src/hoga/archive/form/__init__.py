"""archive.form: what a file of the archive is: its name, its bytes, its lines, and what they say. Makes none, judges none."""
