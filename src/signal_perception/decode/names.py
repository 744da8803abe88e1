"""What a class, a video or a source may be called, so that a table keeps the name as it is."""

import unicodedata
from collections.abc import Iterable

from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.text import is_formula, is_plain, on_one_line

# Letters of a label or a group; bytes of a part of a path, as file systems have it, and of a path.
_LETTERS, _PART, _PATH = 255, 255, 1000
# Letters of a name that a sentence shows.
_SHOWN = 160


def shown(name: object) -> str:
    """A name as a sentence can have it: printable, and of bounded length."""
    text = on_one_line(str(name))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def fault_of_label(text: str) -> str:
    """What is wrong with the name of a class or of a source, in words; "" where nothing is."""
    if not is_plain(text):
        return "it has a character that no line can show"
    if is_formula(text):
        return "a spreadsheet would take it for a formula"
    if len(text) > _LETTERS:
        return f"it has {len(text)} letters, more than {_LETTERS}"
    return ""


def fault_of_path(text: str) -> str:
    """What is wrong with a path, in words; "" where nothing is."""
    if not is_plain(text):
        return "it has a character that no line can show, or is no UTF-8"
    if is_formula(text):
        return "a spreadsheet would take it for a formula"
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
