"""The same question about the same table is answered once."""

import pandas as pd

from signal_perception.report.results.remembered import remembered


def test_a_table_is_known_by_itself_and_not_by_what_stands_in_it() -> None:
    asked = []

    @remembered
    def rows(table: pd.DataFrame, more: int, *, word: str = "") -> int:
        asked.append((len(table), more, word))
        return len(table) + more

    one, twin = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]})
    assert [rows(one, 1), rows(one, 1), rows(one, 1, word="b")] == [3, 3, 3]
    assert asked == [(2, 1, ""), (2, 1, "b")]
    assert rows(twin, 1) == 3
    assert len(asked) == 3
    assert rows(one, 2) == 4
