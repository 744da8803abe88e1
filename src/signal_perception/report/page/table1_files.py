"""Table 1 and what stands behind it as files, for papers and for other programs."""

from collections.abc import Mapping, Sequence

import pandas as pd

from signal_perception.report.findings import pairs, table1
from signal_perception.report.findings.pairs import Pair
from signal_perception.report.findings.table1 import Row
from signal_perception.report.page import sheets, table1_text


def files(
    tables: Mapping[str, Sequence[Row]],
    compared: Mapping[str, Sequence[Pair]],
    models: Sequence[str],
    thirds: Sequence[pd.DataFrame] = (),
) -> dict[str, str]:
    """Name of a file → its text: table1 as Markdown, LaTeX and CSV, mcnemar and thirds as CSV.

    A CSV file that would have no row is left out.

    tables, compared: by data set. models: of the study, in its order. thirds: of each data set, see
    `thirds.table`.
    """
    written = table1_text.sheets(tables, models)
    found = {"table1.md": sheets.markdown(written), "table1.tex": sheets.latex(written)}
    numbers = {
        "table1.csv": table1.frame([row for rows in tables.values() for row in rows]),
        "mcnemar.csv": _joined([pairs.frame(*each) for each in compared.items()]),
        "thirds.csv": _joined(thirds),
    }
    found |= {name: table.to_csv(index=False) for name, table in numbers.items() if len(table)}
    return found


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    some = [frame for frame in frames if len(frame)]
    return pd.concat(some) if some else pd.DataFrame()
