"""Structured log lines on stderr: `key=value` for a person at a terminal, JSON for a collector."""

from __future__ import annotations

import sys

import structlog


def configure_logs() -> None:
    """Call once per process, before the first line is written."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
