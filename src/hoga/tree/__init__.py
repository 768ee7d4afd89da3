"""tree: a folder's files as one page of HTML, without those that its ignore files leave out. Imports nothing of hoga.

wildmatch  one line of an ignore file as a pattern, exactly as git reads it
ignore     which rules are in force in a folder, and whether they leave a path out
steps      a walk as values: entered, found, left
walk       what is in a folder, one entry after the other; opens folders and ignore files only, follows no link
render     the page, piece by piece
page       walks, renders and writes
"""
