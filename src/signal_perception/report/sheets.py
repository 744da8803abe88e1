"""Tables of text as Markdown, readable in a terminal, and as LaTeX, which needs no package."""

from collections.abc import Sequence
from dataclasses import dataclass

# How characters are written that LaTeX takes for commands, or that old ones do not know.
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"$<$",
        ">": r"$>$",
        "−": r"$-$",
        "–": "--",
        "×": r"$\times$",
        "†": r"\dag{}",
        "χ": r"$\chi$",
        "²": r"$^2$",
    }
)


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    notes: sentences below it. names: how many columns, the first ones, are of names; all others are
    of numbers and stand to the right.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    names: int = 1


def markdown(sheets: Sequence[Sheet]) -> str:
    """The tables one below the other, columns aligned."""
    return "\n".join(_markdown(sheet) for sheet in sheets)


def latex(sheets: Sequence[Sheet]) -> str:
    """The tables one below the other, a floating `table` each."""
    return "\n".join(_latex(sheet) for sheet in sheets)


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return text.translate(_LATEX)


def _markdown(sheet: Sheet) -> str:
    # a | would end the cell
    rows = [[cell.replace("|", r"\|") for cell in row] for row in (sheet.head, *sheet.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(sheet.head))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if column < sheet.names else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rules = [
        "-" * (width + 1) + ("-" if column < sheet.names else ":")
        for column, width in enumerate(widths)
    ]
    ruled = [lines[0], f"|{'|'.join(rules)}|", *lines[1:]]
    return "\n".join([f"## {sheet.title}", "", *ruled, "", *sheet.notes]).rstrip() + "\n"


def _latex(sheet: Sheet) -> str:
    caption = " ".join([f"{sheet.title}.", *sheet.notes])
    lines = [" & ".join(map(escaped, row)) + r" \\" for row in (sheet.head, *sheet.rows)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaped(caption)}}}",
            rf"\begin{{tabular}}{{{'l' * sheet.names + 'r' * (len(sheet.head) - sheet.names)}}}",
            r"\hline",
            lines[0],
            r"\hline",
            *lines[1:],
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )
