"""What `dvc plots` draws: its tables, the templates that are committed, and what dvc.yaml says."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert
from dvc_render import VegaRenderer
from ruamel.yaml import YAML

from signal_perception.models.core import registry
from signal_perception.report import plots
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.noise_cells import THIRDS, with_clean_low
from tests.support.noise_tables import noise_table
from tests.support.project import ROOT
from tests.support.results import accuracy, results

READING = Reading("poster", "log_mean")
MODEL = "timesformer_divided"
DVCFILE = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
DRAWN = {
    each: properties
    for entry in DVCFILE["plots"]
    for each, properties in entry.items()
    if each.startswith("reports/plots")
}


def _tables() -> dict[str, pd.DataFrame]:
    given = replace(results(), noise={MODEL: noise_table(grid="figure3", panels=THIRDS)})
    return plots.plots([given], READING)


def test_figure_1_has_every_tap_once_with_the_numbers_of_the_table() -> None:
    table = plots.figure1(results(), READING)
    for model, shown in table.groupby("model"):
        name = {"TimeSformer (divided)": MODEL, "I3D": "i3d"}[str(model)]
        taps = depth.profile(results().depth[name], "a", READING).dropna(subset=["value"])
        assert sorted(shown["tap"]) == sorted(taps["tap"])
        merged = shown.merge(taps, on="tap", suffixes=("", "_table"))
        for one, other in (("delta", "value"), ("low", "low_table"), ("high", "high_table")):
            assert list(merged[one]) == list(merged[other])
    # T' changes from 8 to 4, so the line of I3D ends there
    own = table.loc[table["model"] == "I3D"]
    assert own.groupby("part")["tokens"].nunique().eq(1).all() and own["part"].nunique() > 1


def test_retention_follows_the_strength_of_the_noise_from_1_on() -> None:
    table = _tables()["retention/shapes.csv"]
    assert list(table["third"].unique()) == ["front third", "middle third", "rear third"]
    cells = noise_table(grid="figure3", panels=THIRDS)
    for third, line in table.groupby("third"):
        assert line["kappa"].iloc[0] == 0 and line["retention"].iloc[0] == 1
        assert line["kappa"].is_monotonic_increasing
        drawn = line.iloc[1:]
        # of the more numerous axis, gamma; sigma is held at the larger of its two
        assert list(drawn["gamma"]) == [0.05, 0.45, 0.85] and set(drawn["sigma"]) == {0.3}
        own = cells.loc[(cells["panel"] == str(third).split()[0]) & (cells["sigma"] == 0.3)]
        assert list(drawn["retention"]) == list(own["retention"])


def test_a_model_at_chance_has_no_curve_of_retention() -> None:
    cells = noise_table(grid="figure3", panels=THIRDS)
    guessing = accuracy() | {"low1": 7.0, "views": cells["views"].iloc[0]}
    given = replace(results(), noise={MODEL: with_clean_low(cells, guessing)})
    assert set(plots.plots([given], READING)) == {"figure1/shapes.csv"}


def _filled(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A template as DVC itself fills it."""
    where = DRAWN[f"reports/plots/{name}"]
    renderer = VegaRenderer(rows, name, template_dir=str(ROOT / ".dvc/plots"), **where)
    return renderer.get_filled_template()


@pytest.mark.parametrize("name", ["figure1", "retention"])
def test_a_template_overlays_two_experiments(name: str) -> None:
    table = _tables()[f"{name}/shapes.csv"]
    # DVC reads a table as text, and says the experiment in a column `rev`
    text = table.astype(object).where(table.notna(), "").map(str)
    rows = [row | {"rev": rev} for rev in ("main", "warm-up") for row in text.to_dict("records")]
    spec = _filled(name, rows)
    assert "DVC_METRIC" not in json.dumps(spec)
    # the oldest at hand is next to that of DVC's page, 5.2
    svg = vl_convert.vegalite_to_svg(spec, vl_version="5.8")
    for text in ("main", "warm-up", "shapes", "TimeSformer (divided)"):
        assert f">{text}" in svg or f" {text}<" in svg, text
    assert svg.count('aria-roledescription="point"') == len(rows)
    assert "NaN" not in svg and "undefined" not in svg


def test_a_template_has_axes_of_its_own() -> None:
    for name, least in (("figure1", [-3, 0]), ("retention", [0, 1])):
        spec = json.loads((ROOT / f".dvc/plots/{name}.json").read_text(encoding="utf-8"))
        for layer in spec["spec"]["layer"]:
            assert layer["encoding"]["y"]["scale"]["domain"] == {"unionWith": least}
        assert spec["description"].endswith(".")


def test_dvc_compares_one_metrics_file_and_few_plots() -> None:
    stages = DVCFILE["stages"]
    metrics = {name: block["metrics"] for name, block in stages.items() if "metrics" in block}
    assert metrics == {"report": [{"reports/summary.json": {"cache": False}}]}
    assert {each for entry in DVCFILE["plots"] for each in entry} == set(DRAWN)
    assert set(DRAWN) == {"reports/plots/figure1", "reports/plots/retention"}
    for path, properties in DRAWN.items():
        table = _tables()[f"{path.rpartition('/')[2]}/shapes.csv"]
        assert {properties["x"], properties["y"]} <= set(table.columns)
        assert np.isfinite(table[[properties["x"], properties["y"]]].to_numpy()).all()


def test_weights_are_artifacts_the_models_by_their_names() -> None:
    artifacts = DVCFILE["artifacts"]
    assert set(artifacts) == {"weights", *registry.names()}
    out = "data/weights/${item.dataset}/${item.model}-${item.seed}.safetensors"
    assert out in DVCFILE["stages"]["finetune"]["outs"]
    for model in registry.names():
        path = out.replace("${item.dataset}", "${study.datasets[0]}")
        path = path.replace("${item.model}", model).replace("${item.seed}", "${study.seeds[0]}")
        assert artifacts[model]["path"] == path and artifacts[model]["type"] == "model"
