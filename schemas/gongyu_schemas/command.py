"""How every command begins and ends: quietly, with a code that scripts know, whatever is done to it.

Ctrl-C ends it with 130 at any moment. Outside a command's body (`interruptible`) there is nothing to put in order, so the process
ends at once: a KeyboardInterrupt amid imports would be a traceback, or lost in a library that catches everything. In the body it
is a KeyboardInterrupt, unless the command has handlers of its own. It is for the first line of a program: little is imported here.

A reader that leaves, as `| head -1` does, ends it with 141, as shells report programs that SIGPIPE ends.
Decision: not SIGPIPE itself, because it would end a worker whose connection to Kafka breaks, too.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

from gongyu_schemas.exit_codes import FATAL, INTERRUPTED, OK, READER_LEFT

_OUTPUTS = (1, 2)


def run_command(module: str) -> None:
    """Load the module that has the command's `main`, call it, end the process."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored, as by a shell's `&`
        signal.signal(signal.SIGINT, end_at_once)
        # The interpreter takes handlers away before it ends, and would then die by the signal; what is registered first runs last.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    sys.exit(_end(_call(module)))


def end_at_once(number: int, _frame: FrameType | None) -> None:
    """A signal's handler where nothing is to be put in order: the code is the shell's for this signal."""
    os._exit(128 + number)


@contextmanager
def interruptible() -> Iterator[None]:
    """A command's body: Ctrl-C is a KeyboardInterrupt, so that what the body holds is put in order."""
    if signal.getsignal(signal.SIGINT) is not end_at_once:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, end_at_once)


def reader_has_left() -> bool:
    """Whether standard output or standard error leads to a pipe that nobody reads any more."""
    poll = select.poll()
    for output in _OUTPUTS:
        poll.register(output, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _call(module: str) -> int | str | None:
    try:
        import_module(module).main()
    except SystemExit as ending:
        # Typer and rich catch a broken pipe before anybody else, and end with 1.
        caught = isinstance(ending.__context__, BrokenPipeError) and not ending.__suppress_context__
        return READER_LEFT if caught and ending.code == FATAL else ending.code
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK


def _end(code: int | str | None) -> int | str | None:
    """The code, once all that was printed is written: at the interpreter's own end a broken pipe would be a complaint and code 120."""
    try:
        if sys.stdout is not None and code != READER_LEFT:
            sys.stdout.flush()
    except BrokenPipeError:
        code = code or READER_LEFT
    if code == READER_LEFT or reader_has_left():
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in _OUTPUTS:
            os.dup2(nowhere, output)
    return code
