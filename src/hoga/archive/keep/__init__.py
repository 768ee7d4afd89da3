"""archive.keep: making the files: from journals to sealed minutes, from minutes to days, and making good what was left open."""
