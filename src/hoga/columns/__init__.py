"""columns: the digits of whole blocks of lines as integer arrays, exactly. Pure.

A block is whole lines of JSON. Most lines of a series are spelt alike: the same text between the numbers. So the numbers of all lines
are found at once, the text between them is compared with that of a line that was read with care (`templates`), and the digits are
added up eight at a time (`digits`). What is spelt in another way is read line by line, by the rules of JSON (`slowly`): the same
numbers, later. Nothing is guessed: a line is one of the two, or an error that names it.

`shapes` says what is wanted of a line; `reading.Reader` reads blocks; `levels` arranges the levels of books and deltas.
"""
