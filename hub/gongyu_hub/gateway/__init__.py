"""The control plane's HTTP side: schema registry, health, log-in; and the `serve` command that runs all of it.

`schema_registry` answers Confluent's clients; `login` says who asks; `app` puts them together; `server` listens; `command`
starts, watches and stops.
"""
