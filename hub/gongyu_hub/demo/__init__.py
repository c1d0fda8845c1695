"""The demo and its self-check: a synthetic register, the public commands as processes, an independent reference.

`reference` says what the hub must deliver (with `row_text`, `literals` and `plain` below it); `compare` and `check` hold
it against what Kafka really carries; `scenario` has the registers and the day of changes invented; `runner` and `command`
start the public commands and show what happens. Imports nothing of the hub outside this package.
"""
