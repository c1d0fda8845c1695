"""Sinks: where deliveries go. `sink.py` says what one is; SQLite and JSON lines are exactly once, stdout at least once."""
