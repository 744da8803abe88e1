"""Several fine-tuning runs of a model: read, combined into one table, and told apart from one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from signal_perception.pipeline import dvcfile
from signal_perception.pipeline.errors import UserError
from signal_perception.report.captions import noise_captions, spectral_captions
from signal_perception.report.figures.training_figure import curves_figure
from signal_perception.report.findings import losses, table1
from signal_perception.report.findings.losses import Bootstrap
from signal_perception.report.page import table1_text
from signal_perception.report.results import runs, tables
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.tables import Results
from signal_perception.statistics.comparison import holm
from tests.report.test_tables import STUDY
from tests.support.noise_tables import (
    contrasts_table,
    noise_spectra_table,
    noise_table,
    robustness_table,
)
from tests.support.pages import make_page, text
from tests.support.project import change
from tests.support.results import accuracy, curve, results, write
from tests.support.spectral_tables import depth_table, spectra_table
from tests.support.study import default_study

DIVIDED = "timesformer_divided"
SEEDS = (0, 5)


def _shifted(table: pd.DataFrame, by: float, *columns: str) -> pd.DataFrame:
    return table.assign(**{name: table[name] + by for name in columns})


def _of_seed(made: Results, seed: int) -> Results:
    """The results of one run: those of a later seed are higher by a little."""
    by = seed / 10
    value = ("value", "low", "high")
    return replace(
        made,
        accuracy={
            model: accuracy(97 - seed) | {"controls": {"shuffled": accuracy(18 + seed)}}
            for model in made.accuracy
        },
        spectra={model: _shifted(table, by, *value) for model, table in made.spectra.items()},
        depth={model: _shifted(table, by, *value) for model, table in made.depth.items()},
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two runs of both models, as the report reads them."""
    root = tmp_path_factory.mktemp("runs")
    change(default_study(root), {"study.seeds": list(SEEDS)})
    made = results()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for seed in SEEDS:
            of_seed = _of_seed(made, seed)
            for model in made.models:
                name = f"{model}-{seed}"
                write(Path(f"reports/metrics/accuracy/shapes/{name}.json"), of_seed.accuracy[model])
                write(Path(f"reports/curves/shapes/{name}.csv"), made.curves[model])
                for kind in ("spectra", "depth"):
                    path = Path(f"reports/tables/{kind}/shapes-{model}-shapes-{seed}.csv")
                    write(path, getattr(of_seed, kind)[model])
            for kind in ("noise", "contrasts", "noise_spectra"):
                path = Path(f"reports/tables/{kind}/shapes-{DIVIDED}-{seed}.csv")
                write(path, getattr(made, kind)[DIVIDED])
            write(
                Path(f"reports/tables/robustness/shapes-{DIVIDED}-{seed}.csv"),
                made.robustness[DIVIDED][0],
            )
        study = STUDY.model_copy(update={"seeds": SEEDS})
        (found,) = tables.read_study(study, dvcfile.stages())
    return found


def test_every_table_is_of_both_runs(two: Results) -> None:
    made = results()
    for kind in ("spectra", "depth", "noise", "contrasts", "noise_spectra"):
        for model, table in getattr(two, kind).items():
            assert (table["n_runs"] == 2).all()
            assert len(table) == len(getattr(made, kind)[model])
    assert len(two.robustness[DIVIDED]) == 2
    assert set(two.curves["i3d"]["run"]) == set(SEEDS)


def test_a_value_is_the_mean_and_its_interval_holds_both_runs(two: Results) -> None:
    one, both = results().depth["i3d"], two.depth["i3d"]
    known = one["value"].notna()
    middle = one.loc[known, "value"] + 0.25
    assert both.loc[known, "value"].to_numpy() == pytest.approx(middle.to_numpy())
    # runs 0 and 0.5: the mean has the standard error 0.25 and one degree of freedom
    least = stats.t.ppf(0.975, 1) * 0.25
    reach = both["high"].to_numpy(float) - both["value"].to_numpy(float)
    assert np.all(reach[known.to_numpy()] >= least * 0.99)
    assert both["n_videos"].equals(one["n_videos"])


def test_p_is_corrected_anew_in_its_families(two: Results) -> None:
    table = two.depth["i3d"]
    tested = table.loc[table["p"].notna()]
    assert len(tested)
    families = ["quantity", "statistic", "point", "control", "kind", "side"]
    for _, family in tested.groupby(families, dropna=False):
        assert family["p_holm"].to_numpy() == pytest.approx(holm(family["p"].to_numpy()))
    assert table.loc[table["p"].isna(), "p_holm"].isna().all()
    # two runs half a Δ apart say nothing about a difference of this size
    one = results().depth["i3d"]
    assert min(one["p_holm"].dropna()) < 0.05 < min(table["p_holm"].dropna())


def test_accuracy_is_the_mean_with_the_range_of_its_runs(two: Results) -> None:
    found = two.accuracy["i3d"]
    assert found["runs1"] == [100 * 97 / 128, 100 * 92 / 128]
    assert found["top1"] == pytest.approx(np.mean(found["runs1"]))
    assert (found["n_runs"], found["correct1"], found["total"]) == (2, 94.5, 128)
    assert 0 <= found["low1"] < min(found["runs1"]) and max(found["runs1"]) < found["high1"] <= 100
    shuffled = found["controls"]["shuffled"]
    assert shuffled["top1"] == pytest.approx(100 * 20.5 / 128)
    assert shuffled["low1"] < 100 * 18 / 128 < 100 * 23 / 128 < shuffled["high1"]
    row = table1_text.cells(table1.table(two, {"kind": "synthetic"})[0])
    assert row.top1.startswith("73.83 (71.8 to 75.8 of 2 runs; ")


def test_three_runs_of_a_cell_keep_within_0_and_100() -> None:
    table = noise_table()
    several = [_shifted(table, by, "top1_mean", "top1_low", "top1_high") for by in (-1, 0, 1)]
    found = runs.table("noise", several)
    assert found["top1_mean"].to_numpy() == pytest.approx(table["top1_mean"].to_numpy())
    assert max(found["top1_high"]) <= 100 and min(found["top1_low"]) >= 0
    assert np.all(found["top1_high"].to_numpy() > table["top1_high"].to_numpy())
    assert found["tied_videos"].tolist() == (3 * table["tied_videos"]).tolist()
    assert found["n_videos"].equals(table["n_videos"])
    assert found["retention"].to_numpy() == pytest.approx(table["retention"].to_numpy())


def test_contrasts_are_told_anew() -> None:
    table = contrasts_table()
    columns = ("difference", "low", "high")
    apart = runs.table("contrasts", [table, _shifted(table, 40, *columns)])
    row = apart.loc[(apart["k"] == 1) & (apart["grid"] == "figure2")].iloc[0]
    assert (row["difference"], row["weaker"]) == (pytest.approx(0), "")
    assert row["finding"].startswith("No difference shown between V and Q")
    alike = runs.table("contrasts", [table] * 3)
    row = alike.loc[(alike["k"] == 1) & (alike["grid"] == "figure2")].iloc[0]
    assert row["weaker"] == "spatial_attn.v" and row["finding"].startswith("V loses 20.0 points")


def test_the_same_table_twice_has_the_same_values() -> None:
    for folder, table in (
        ("spectra", spectra_table("i3d")),
        ("depth", depth_table("i3d")),
        ("noise_spectra", noise_spectra_table()),
    ):
        value = runs.KINDS[folder].estimates[0][0]
        found = runs.table(folder, [table, table])
        known = table[value].notna()
        assert found.loc[known, value].to_numpy() == pytest.approx(table.loc[known, value])
        assert found.loc[~known, [value, "low", "high"]].isna().all(axis=None)


def test_rows_that_a_run_has_not_are_refused_but_for_a_value_that_does_not_exist() -> None:
    table = depth_table("i3d")
    shorter: pd.DataFrame = table.drop(index=[0])
    with pytest.raises(UserError, match=r"depth of i3d on shapes have other rows in one run"):
        runs.table("depth", [table, shorter])
    bins = spectra_table("i3d")
    missing = bins["quantity"].tolist().index("discriminability")
    fewer: pd.DataFrame = bins.drop(index=[missing])
    found = runs.table("spectra", [bins, fewer])
    assert len(found) == len(bins) - 1
    again = runs.table("spectra", [fewer.reset_index(drop=True)] * 2)
    pd.testing.assert_frame_equal(found, again)


def test_models_are_compared_over_runs() -> None:
    cells = {"swin": noise_table("swin"), "i3d": noise_table("i3d")}
    alike = {"swin": [robustness_table(40)] * 3, "i3d": [robustness_table(30)] * 3}
    one = losses.comparison({m: t[:1] for m, t in alike.items()}, cells, Bootstrap(0, 200))
    same = losses.comparison(alike, cells, Bootstrap(0, 200))
    assert same.pairs[0].difference == pytest.approx(one.pairs[0].difference)
    assert same.losses[0].high == pytest.approx(one.losses[0].high, rel=0.05)
    lost = {"swin": (20, 40, 60), "i3d": (30, 30, 30)}
    several = {m: [robustness_table(points) for points in each] for m, each in lost.items()}
    found = losses.comparison(several, cells, Bootstrap(0, 200))
    (pair,) = found.pairs
    assert (pair.difference, pair.weaker) == (pytest.approx(10), "")
    # runs −10, 10, 30: standard error 20/√3, two degrees of freedom
    margin = stats.t.ppf(0.975, 2) * 20 / np.sqrt(3)
    assert pair.high - pair.difference == pytest.approx(margin, rel=0.02)
    assert found.losses[0].high > 60 > same.losses[0].high
    told: Any = " ".join(noise_captions.losses(found, "absolute"))
    assert "Means over 3 fine-tuning runs of each model; the intervals are over runs" in told


def test_each_run_has_a_line_of_the_models_colour() -> None:
    both = runs.curves({0: curve(), 5: curve().assign(loss=1.0)})
    figure = curves_figure({"swin": both, "i3d": curve()}, dpi=50)
    first, second, other = figure.axes[0].lines
    assert first.get_color() == second.get_color() != other.get_color()
    assert list(np.asarray(second.get_ydata())) == [1, 1, 1]


def test_captions_say_whether_training_is_in_the_bands(two: Results) -> None:
    reading = Reading("poster", "log_mean")
    one = " ".join(spectral_captions.figure1(results().depth, reading, reference=False))
    both = " ".join(spectral_captions.figure1(two.depth, reading, reference=False))
    assert "Training variance is not in the bands: each model was fine-tuned once." in one
    assert "Training variance" not in both
    assert "Means over 2 fine-tuning runs of each model; the bands are over runs and videos" in both


def test_the_page_is_about_both_runs(two: Results) -> None:
    page = make_page(two)
    told = text(page.html)
    assert "71.8 to 75.8 of 2 runs" in told
    assert "Training variance is not in the" not in told
    assert "Training variance is not in the intervals" in text(make_page(results()).html)
