"""Text from elsewhere: what may be printed, and what a spreadsheet would calculate."""

import re
import unicodedata

# Control characters, line and paragraph separators, halves of characters (bytes that are no UTF-8).
_CONTROLS = ("Cc", "Zl", "Zp", "Cs")
# Marks that turn the direction of the text after them, and the byte order mark.
_MARKS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
# A spreadsheet takes a cell for a formula that begins so. -0BIyqJj9ZU and +1 are names: what runs
# or fetches something has a bracket, a bar, a call or a reference to another file in it.
_FORMULA = re.compile(r"\s*(?:[=@]|[+-].*[(|!=@'\"])", re.DOTALL)


def is_plain(text: str) -> bool:
    """Whether text can stand on a line of a terminal or table: no control characters."""
    return not any(unicodedata.category(each) in _CONTROLS or each in _MARKS for each in text)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would calculate a cell with this text, and may run something."""
    return _FORMULA.match(text) is not None


def on_one_line(text: str) -> str:
    """Text for a terminal: control characters as their codes."""
    return "".join(each if is_plain(each) else ascii(each)[1:-1] for each in text)
