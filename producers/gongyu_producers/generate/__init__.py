"""Invented registers of the shipped types: the whole register and days of changes in it, as an owner's files.

`write` is the table of contents. A `World` (seed, how many residents and businesses, first day, pace) says everything: who
exists, who is born and dies when. `people`, `companies` and `places` answer any question about a resident, business
or address by its number alone, so each register can be made by itself and still speaks of the same people as the others.
One module a type says what its records look like and what a day changes in them.

Nobody's data: every number that could be a person's is impossible (`people`, `companies`, `vehicle`, `land_building`).
"""
