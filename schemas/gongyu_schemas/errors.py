"""Errors named by what the caller does about them; each carries the exit code of the command it ends.

Bad *data* is never an exception inside the hub's stages (it is a value); these are for a world or a
configuration in which a command cannot go on.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from gongyu_schemas import exit_codes
from gongyu_schemas.command import interruptible, reader_has_left


class GongyuError(Exception):
    """Any error whose text is meant for the user: what, where, what to do."""

    exit_code = exit_codes.FATAL


class FatalError(GongyuError):
    """Our own fault, or a state in which going on could deliver something wrong: stop without settling."""


class ConfigError(GongyuError):
    """Wrong usage, file or profile: the user mends it and starts again."""

    exit_code = exit_codes.USAGE


class KafkaUnavailable(GongyuError):
    """Kafka or the registry cannot be reached, or refuses these credentials."""

    exit_code = exit_codes.KAFKA


class CredentialsRefused(KafkaUnavailable):
    """Kafka or the registry answers, and refuses this user: asking again soon would only look like guessing passwords."""


class DatabaseError(GongyuError):
    """A database cannot be opened, read or written."""

    exit_code = exit_codes.DATABASE


class DataRejected(GongyuError):
    """Data was rejected; what could be done was done."""

    exit_code = exit_codes.REJECTED


class TransientError(GongyuError):
    """A briefly bad world: the caller retries in place, bounded."""

    exit_code = exit_codes.KAFKA


@contextmanager
def reported() -> Iterator[None]:
    """Run a command's body: an error meant for the user is one line on stderr and its exit code; Ctrl-C or a reader that left, a code.

    With GONGYU_DEBUG set the traceback is shown as well. Anything else that is raised is our own
    mistake and keeps its traceback.
    """
    try:
        with interruptible():
            yield
    except GongyuError as error:
        if os.environ.get("GONGYU_DEBUG"):
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        raise SystemExit(exit_codes.INTERRUPTED) from None
    except BrokenPipeError as error:
        if reader_has_left():
            raise SystemExit(exit_codes.READER_LEFT) from None
        raise FatalError("a connection broke, and nobody expected it") from error  # typer would end with 1 and without a word
