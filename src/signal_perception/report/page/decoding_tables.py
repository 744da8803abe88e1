"""The page's tables on decoding."""

from signal_perception.report.page import rows
from signal_perception.report.page.table import (
    Cell,
    Column,
    Row,
    Table,
    count,
    names,
    numbers,
    text,
)
from signal_perception.vocabulary import REFUSED

_COLUMNS = [
    *names("video", "class", "split"),
    *numbers("frames promised", "decoded"),
    *names("codec", "decoder"),
    Column("verdict", "text wrap"),
]
_KEYS = ("id", "label", "split", "promised", "decoded", "codec", "decoder", "verdict")


def verdicts(found: rows.Decoding) -> Table:
    """How many videos of each split have which verdict."""
    columns = [*names("verdict"), *numbers(*found.splits)]
    made = [Row([text(name), *map(count, counts)]) for name, counts in found.counts.items()]
    return Table("verdicts", "Verdicts of decoding", columns, made)


def odd(found: rows.Decoding) -> Table:
    """The videos that were dropped or shorter than promised."""
    made = [
        Row(
            [Cell(str(video[key])) for key in _KEYS],
            marked=str(video["verdict"]).startswith(REFUSED),
        )
        for video in found.others
    ]
    return Table("odd-videos", "Videos that were dropped or shorter than promised", _COLUMNS, made)
