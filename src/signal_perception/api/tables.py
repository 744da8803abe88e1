"""The tables of a study's results, those of all its models as one frame."""

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from signal_perception import tabular
from signal_perception.pipeline import dvcfile, params
from signal_perception.pipeline.dvcfile import Stage
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.project import root
from signal_perception.report.results.columns import ACCURACY, TABLES

_REPORTS = Path("reports")
# read as they are: a class may be called NA, a subject 1
_NAMES = ("class", "label", "predicted", "video", "group", "id", "dataset", "model", "weights")


def tables(name: str, *, project: Path | str | None = None) -> pd.DataFrame:
    """A table of the results, the rows of all data sets, models and runs of the study.

    tables("depth").query("quantity == 'delta' and model == 'swin'")

    The columns dataset, model, weights and seed say whose a row is, where the table itself does
    not; the others stand in docs/map.md.

    Parameters
    ----------
    name: of a folder of reports/tables, e.g. "spectra", "depth", "noise", "classes"; "decode" or
        "curves"; "accuracy", a row per run with its numbers; "table1" or "mcnemar".
    project: its folder; None: found from the working directory.
    """
    folder = root(project)
    stages = dvcfile.stages(folder)
    study = _REPORTS / params.load(folder).study.name / "tables"
    files = _files(stages)
    whole = sorted(file.stem for file in (folder / study).glob("*.csv"))
    if name in whole:
        return _read(folder / study / f"{name}.csv", name)
    if name not in files:
        raise UserError(
            f"There is no table {name!r}; the study has {', '.join(sorted({*files, *whole}))}."
        )
    found = [
        _named(_read(folder / path, name), stage)
        for path, stage in files[name].items()
        if (folder / path).is_file()
    ]
    if not found:
        raise UserError(
            f"The study has no results for {name!r} yet; make them (signal-perception repro) or "
            "restore them (git checkout reports)."
        )
    return pd.concat(found, ignore_index=True)


def _files(stages: Mapping[str, Stage]) -> dict[str, dict[Path, Stage]]:
    """Name of a table → its files, each with the stage that writes it."""
    found: dict[str, dict[Path, Stage]] = {}
    for stage in stages.values():
        for path, name in _tables_of(stage):
            found.setdefault(name, {})[path] = stage
    return found


def _tables_of(stage: Stage) -> Iterator[tuple[Path, str]]:
    for path in stage.outs:
        parts = path.parts
        if parts[:2] == ("reports", "tables") or parts[:3] == ("reports", "metrics", "accuracy"):
            yield path, parts[2]
        elif parts[0] == "reports" and parts[1] in ("decode", "curves"):
            yield path, parts[1]


def _named(table: pd.DataFrame, stage: Stage) -> pd.DataFrame:
    """A table with the columns that say whose it is first."""
    whose = dict(stage.item)
    own = table.drop(columns=[key for key in whose if key in table.columns])
    for place, (key, value) in enumerate(whose.items()):
        own.insert(place, key, value)
    return own


def _read(path: Path, kind: str) -> pd.DataFrame:
    """A table; an empty cell is NaN, but an empty text where names stand."""
    if path.suffix == ".json":
        content = tabular.read_json(path, ACCURACY)
        plain = {key: each for key, each in content.items() if not isinstance(each, dict | list)}
        return pd.DataFrame([plain])
    columns = tabular.columns(path, TABLES[kind])
    nothing = {column: [""] for column in columns if column not in _NAMES}
    names: dict[Hashable, type[str]] = {name: str for name in columns if name in _NAMES}
    return tabular.read(path, TABLES[kind], dtype=names, keep_default_na=False, na_values=nothing)
