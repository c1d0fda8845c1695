"""What can be wrong with the bytes of a message.

A fault is a value: the kernels give its code and the byte at which it was met. The codes are stored in uint8
arrays; 0 means that the bytes are good. Everything that is refused here is what a reader would refuse, or would
read and write back as other bytes.
"""

from enum import IntEnum


class Fault(IntEnum):
    """The code of a fault in the bytes of a message; `text` says it in words."""

    NONE = 0
    TRUNCATED = 1
    TRAILING = 2
    BAD_LENGTH = 3
    BAD_UTF8 = 4
    BAD_ENUM = 5
    BAD_BRANCH = 6
    BAD_BOOLEAN = 7
    BAD_UUID = 8
    OVER_LONG = 9
    OUT_OF_RANGE = 10
    KEY_TWICE = 11
    CROWDED_KEYS = 12

    @property
    def text(self) -> str:
        """The fault in words, for dead letters and messages."""
        return _TEXTS[self]


_TEXTS = {
    Fault.NONE: "no fault",
    Fault.TRUNCATED: "the message ends inside a value",
    Fault.TRAILING: "bytes follow the last value",
    Fault.BAD_LENGTH: "a length is negative, or a block is not as long as it says",
    Fault.BAD_UTF8: "a string is not UTF-8",
    Fault.BAD_ENUM: "an enum has no such symbol",
    Fault.BAD_BRANCH: "a union has no such branch",
    Fault.BAD_BOOLEAN: "a boolean is neither 0 nor 1",
    Fault.BAD_UUID: "a uuid is not in its canonical form (lower case, 8-4-4-4-12)",
    Fault.OVER_LONG: "a number is written with more bytes than it needs",
    Fault.OUT_OF_RANGE: "a number is outside the range of its type",
    Fault.KEY_TWICE: "a map has the same key twice",
    Fault.CROWDED_KEYS: "the keys of the maps cannot be told apart in bounded time",
}

# The same codes as plain numbers: the kernels compile these.
NONE = int(Fault.NONE)
TRUNCATED = int(Fault.TRUNCATED)
TRAILING = int(Fault.TRAILING)
BAD_LENGTH = int(Fault.BAD_LENGTH)
BAD_UTF8 = int(Fault.BAD_UTF8)
BAD_ENUM = int(Fault.BAD_ENUM)
BAD_BRANCH = int(Fault.BAD_BRANCH)
BAD_BOOLEAN = int(Fault.BAD_BOOLEAN)
BAD_UUID = int(Fault.BAD_UUID)
OVER_LONG = int(Fault.OVER_LONG)
OUT_OF_RANGE = int(Fault.OUT_OF_RANGE)
KEY_TWICE = int(Fault.KEY_TWICE)
CROWDED_KEYS = int(Fault.CROWDED_KEYS)
