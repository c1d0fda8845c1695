"""The owner's side: a register kept in a file becomes changes on the owner's topic, without writing code.

A row's path, in order:
lines       bytes of the file -> decoded lines with their numbers
delimited, json_lines   lines -> cells or an object, with the line where the row begins
columns     header -> which field each column fills
values, json_values     one text or JSON value -> one Avro value, or a precise reason against it
rows        cells -> key, subject, image; or what is wrong with the row
staging     the rows of this run, on disk, so that a file may be larger than memory
compare     staged rows x what was published -> the changes to publish, and the rejected rows
guard       stops a run that would delete more than the owner allows
send        changes -> committed transactions on the owner's topic
state       what was published: moves forward only with what is committed; catch_up reads it from the topic
publish     the run, from file to summary; cli is its command line
"""
