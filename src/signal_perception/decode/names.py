"""What a class, a video or a source may be called, so that a table keeps the name as it is."""

import unicodedata
from collections.abc import Iterable

from signal_perception.pipeline.errors import UserError

# Letters of a label or a group; bytes of a part of a path, as file systems have it, and of a path.
_LETTERS, _PART, _PATH = 255, 255, 1000
# Control characters, halves of letters (bytes that are no UTF-8), ends of lines and of paragraphs.
_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
# Marks that change the order in which a line is shown, and the byte order mark.
_MARKS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), chr(0xFEFF)}
# Letters of a name that a sentence shows.
_SHOWN = 160


def printable(text: str) -> str:
    """A text of one line that every terminal takes: what no line can show is escaped."""
    return "".join(ascii(each)[1:-1] if _odd(each) else each for each in text)


def shown(name: object) -> str:
    """A name as a sentence can have it: printable, and of bounded length."""
    text = printable(str(name))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def fault_of_label(text: str) -> str:
    """What is wrong with the name of a class or of a source, in words; "" where nothing is."""
    if any(map(_odd, text)):
        return "it has a character that no line can show"
    if len(text) > _LETTERS:
        return f"it has {len(text)} letters, more than {_LETTERS}"
    return ""


def fault_of_path(text: str) -> str:
    """What is wrong with a path, in words; "" where nothing is."""
    if any(map(_odd, text)):
        return "it has a character that no line can show, or is no UTF-8"
    if any(len(part.encode()) > _PART for part in text.split("/")) or len(text.encode()) > _PATH:
        return f"it is too long: {_PART} bytes are most for a name and {_PATH} for a path"
    return ""


def refuse_one_name_in_two_forms(names: Iterable[str], what: str) -> None:
    """UserError where two names are the same letters, composed (é) and decomposed (e and ´)."""
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        other = found.setdefault(unicodedata.normalize("NFC", name), name)
        if other != name:
            raise UserError(
                f"{what} {other!a} and {name!a} are one name in two Unicode forms; write "
                "both in one (NFC)."
            )


def _odd(letter: str) -> bool:
    return unicodedata.category(letter) in _CATEGORIES or letter in _MARKS
