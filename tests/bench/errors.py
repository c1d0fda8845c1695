"""What ends a measurement."""

from __future__ import annotations


class BenchFailed(Exception):
    """A run is not right, did not end, or cannot be made; the text says which and where its log is."""
