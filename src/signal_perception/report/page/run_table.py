"""The page's table of stages: when, on what and by which code each ran on this machine."""

from signal_perception.report.page.provenance import Facts
from signal_perception.report.page.table import Cell, Row, Table, names, numbers, numeral, text


def run_table(facts: Facts) -> Table:
    """A row per stage."""
    columns = [
        *names("stage"),
        *numbers("minutes"),
        *names("device", "code", "finished"),
    ]
    made = [
        Row(
            [
                text(each.stage),
                numeral(each.seconds / 60, 1),
                text(each.device) if each.finished else Cell("was not run on this machine"),
                text(each.revision),
                text(each.finished),
            ]
        )
        for each in facts.stages
    ]
    return Table("stages", "Stages on this machine", columns, made)
