"""A header in any script -> a name that Avro takes: Hangul romanised, the rest lower-case letters, digits and underscores.

Source: Revised Romanization of Korean (2000), letter by letter: sounds that change between syllables are left as written,
so that equal headers always give equal names. Scripts without a rule here leave nothing.
"""

from __future__ import annotations

import re
import unicodedata

_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_INITIALS = ("g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h")
_VOWELS = ("a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "eu", "ui", "i")
_FINALS = (
    *("", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l"),
    *("p", "l", "m", "p", "p", "t", "t", "ng", "t", "t", "k", "t", "p", "t"),
)
_LONGEST = 60


def romanise(header: str, otherwise: str) -> str:
    """`otherwise` where nothing of the header can be written so."""
    text = unicodedata.normalize("NFKC", header)
    latin = "".join(_syllable(letter) for letter in text)
    plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:_LONGEST].strip("_")
    if not name:
        return otherwise
    return f"f_{name}" if name[0].isdigit() else name


def _syllable(letter: str) -> str:
    """Unicode 16, chapter 3.12: a syllable's number is (initial x 21 + vowel) x 28 + final."""
    if not _FIRST_SYLLABLE <= ord(letter) <= _LAST_SYLLABLE:
        return letter
    rest, final = divmod(ord(letter) - _FIRST_SYLLABLE, len(_FINALS))
    initial, vowel = divmod(rest, len(_VOWELS))
    return _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]
