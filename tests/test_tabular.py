"""Tables have the columns that are declared for their kind, and broken ones are one sentence."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_perception import tabular
from signal_perception.pipeline.errors import UserError
from signal_perception.report.results.columns import ACCURACY, TABLES
from signal_perception.report.results.runs import KINDS
from tests.support.project import ROOT

REPORTS = ROOT / "reports"
MAP = (ROOT / "docs/map.md").read_text(encoding="utf-8")
MEND = "restore it (git checkout, or dvc checkout), or run the stage that writes it again."


def _committed(kind: str) -> list[Path]:
    places = (
        f"tables/{kind}/*.csv",
        f"{kind}/*.csv",
        f"{kind}/*/*.csv",
        f"default/tables/{kind}.csv",
    )
    return sorted(file for place in places for file in REPORTS.glob(place))


@pytest.mark.parametrize("kind", TABLES)
def test_the_committed_tables_have_the_declared_columns(kind: str) -> None:
    files, declared = _committed(kind), list(TABLES[kind].columns)
    assert files, f"no table of kind {kind} is committed"
    for file in files:
        names = tabular.columns(file, TABLES[kind])
        assert names[: len(declared)] == declared
        also = set(names) - set(declared)
        grids = {name for name in also if kind == "robustness" and re.search(r"\.\d+$", name)}
        assert also - grids <= set(TABLES[kind].also)
        assert len(tabular.read(file, TABLES[kind])) > 0
        pd.testing.assert_frame_equal(tabular.read(file, TABLES[kind]), pd.read_csv(file))


def test_every_committed_table_has_a_kind() -> None:
    read = {file for kind in TABLES for file in _committed(kind)}
    # DVC alone reads those that it plots
    assert set(REPORTS.rglob("*.csv")) - read == set(REPORTS.glob("plots/*/*.csv"))
    for file in REPORTS.glob("metrics/accuracy/*/*.json"):
        assert tabular.read_json(file, ACCURACY) == json.loads(file.read_text())


def test_what_is_combined_over_runs_is_declared() -> None:
    for kind, each in KINDS.items():
        used = {*each.keys, *each.means, *(each.family or ())}
        used |= {name for estimate in each.estimates for name in estimate[:3]}
        assert used <= set(TABLES[kind].columns)


@pytest.mark.parametrize("kind", TABLES)
def test_the_map_says_of_each_kind_what_columns_it_has_and_no_others(kind: str) -> None:
    folder = f"reports/{kind}/" if kind in ("decode", "curves") else f"/tables/{kind}"
    rows = [row for row in MAP.splitlines() if row.startswith("| `reports/") and folder in row]
    rows = [row for row in rows if re.match(rf"\| `[^`]*{folder}(/|\.csv)", row)] or rows
    assert len(rows) == 1, f"docs/map.md has {len(rows)} rows of {kind}"
    # parts of names ("_low", "top") are written once for several columns
    said = re.findall(r"`([a-z0-9_]+)`", rows[0].split("|")[-2])
    declared = (*TABLES[kind].columns, *TABLES[kind].also)
    assert said
    for word in said:
        assert any(word in name for name in declared), f"{kind} has no column {word}"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    frame = pd.DataFrame({"epoch": range(20), "lr": 1e-3 / 3, "loss": 0.5, "top1": 12.5})
    frame.to_csv(tmp_path / "curve.csv", index=False)
    return tmp_path / "curve.csv"


Break = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda content: content[: len(content) // 2 + 3], "its end is missing"),
        (lambda content: content[:-2], "its end is missing"),
        (lambda content: b"", "it is empty"),
        (lambda content: b"\xff\xfe" + content, "it is no text in UTF-8"),
        (
            lambda content: content.replace(b"3,0.000", b"3;0.000"),
            "row 5 has 3 cells, and there are",
        ),
        (lambda content: content + b"1,2,3,4,5\n", "row 22 has 5 cells, and there are 4 columns"),
        (
            lambda content: content.replace(b"0.5", b"0.x", 1),
            "its column loss has something that is",
        ),
        (lambda content: content + b'1,2,3,"4\n', "unexpected end of data"),
        (lambda content: content.replace(b"0.5", b"\0.5", 1), ""),
    ],
)
def test_a_broken_table_is_one_sentence(table: Path, broken: Break, fault: str) -> None:
    table.write_bytes(broken(table.read_bytes()))
    with pytest.raises(UserError) as refused:
        tabular.read(table, TABLES["curves"])
    said = str(refused.value)
    assert said.startswith(f"Table {table} cannot be read ({fault}")
    assert said.endswith(MEND) and "\n" not in said


def test_a_table_of_another_kind_or_none_is_refused(table: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"curve\.csv has no column video, so it is damaged or of"):
        tabular.read(table, TABLES["correct"])
    with pytest.raises(UserError, match=r"no\.csv cannot be read \(it is missing\)"):
        tabular.read(tmp_path / "no.csv", TABLES["curves"])
    with pytest.raises(UserError, match=r"no\.csv cannot be read \(it is missing\)"):
        tabular.columns(tmp_path / "no.csv", TABLES["curves"])


def test_a_table_without_rows_is_a_table(tmp_path: Path) -> None:
    for empty in (pd.DataFrame(), pd.DataFrame(columns=list(TABLES["mcnemar"].columns))):
        empty.to_csv(tmp_path / "mcnemar.csv", index=False)
        found = tabular.read(tmp_path / "mcnemar.csv", TABLES["mcnemar"])
        assert (len(found), list(found)) == (0, list(TABLES["mcnemar"].columns))


def test_any_cut_of_a_table_is_refused_or_at_the_end_of_a_row(table: Path) -> None:
    content = table.read_bytes()
    whole = 0
    for end in np.random.default_rng(0).integers(0, len(content), 300):
        table.write_bytes(content[:end])
        if content[:end].endswith(b"\n"):
            whole += 1
            continue
        with pytest.raises(UserError, match=r"curve\.csv cannot be read"):
            tabular.read(table, TABLES["curves"])
    assert whole < 30


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"total": 3, "top1": 1', "it is no whole JSON"),
        (b"", "it is empty"),
        (b"\xff", "it is no text in UTF-8"),
        (b"[" * 100_000, "it is no whole JSON"),
        (b"[1, 2]", "it is no JSON of names and values"),
        (b'{"total": 3}', "it has no n_listed"),
    ],
)
def test_broken_metrics_are_one_sentence(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "swin-0.json"
    file.write_bytes(content)
    with pytest.raises(UserError) as refused:
        tabular.read_json(file, ACCURACY)
    assert str(refused.value) == f"Table {file} cannot be read ({fault}); {MEND}"
