"""The engine: changes as bytes, without an object per record.

A schema becomes a program (`layout`, `assembler`, in the instructions of `program`); a batch of messages becomes byte
ranges of fields (`images`); on these work `keys`, `equality` (which fields moved; `exact_values` where bytes cannot tell),
`predicates` (which rows are granted) and `projection` (the permitted bytes as finished messages). `warm` compiles all
kernels ahead. Below them: `numerals`, `texts` and `blocks` (bytes as numbers, strings, arrays and maps), `faults`, `arrays`, `compiled`.

Every check is in the kernels: hostile bytes give a fault and its place, and nothing outside a message is read for
it.
"""
