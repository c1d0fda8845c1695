"""The engine: changes as bytes, without an object per record.

A schema becomes a program (`layout`, written in the instructions of `program`); a batch of messages becomes byte
ranges of fields (`images`); on these work `keys`, `equality` (which fields moved), `predicates` (which rows are
granted) and `projection` (the permitted bytes as finished messages). `warm` compiles all kernels ahead. Below them:
`numerals` and `texts` (bytes as numbers and strings), `faults`, `arrays`, `compiled`.

Every check is in the kernels: hostile bytes give a fault and its place, and nothing outside a message is read for
it.
"""
