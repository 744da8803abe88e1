"""The interactive charts of noise: their tables are the planted ones, and Vega draws them."""

from dataclasses import replace

import pandas as pd
import pytest

from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.noise import noise_charts
from signal_perception.report.findings import kappa, losses
from signal_perception.report.results.noise_cells import WORST_CASE
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings
from tests.support import drawn
from tests.support.noise_tables import contrasts_table, noise_table, robustness_table
from tests.support.results import results

DIVIDED = "timesformer_divided"
NAMES = [
    *("thirds", "contrasts", "retention", "losses", "loss-pairs"),
    *("figure2", "figure2-lines", "figure3", "figure3-lines", "figure4", "figure4-lines"),
    "kappa",
]
THIRDS = ("front", "middle", "rear")
COLUMNS = {
    "top1": "top1_mean",
    "top1_low": "top1_low",
    "top1_high": "top1_high",
    "top5": "top5_mean",
    "top5_low": "top5_low",
    "top5_high": "top5_high",
    "retention": "retention",
    "retention_low": "retention_low",
    "retention_high": "retention_high",
    "kappa": "kappa",
    "clean_top1": "clean_top1",
    "chance_top5": "chance_top5",
    "videos": "n_videos",
    "repeats": "repeats",
}


def cells(model: str) -> pd.DataFrame:
    """Of three grids; ρ = 0.25 and 0.5 are the same cells."""
    return pd.concat(
        [
            noise_table(model),
            noise_table(model, "figure3", panels=THIRDS),
            noise_table(model, "figure4", THIRDS, sigmas=[0.2], rhos=[0.25, 0.5, 1.0]),
        ],
        ignore_index=True,
    )


def contrasts(model: str, p: float) -> pd.DataFrame:
    """V loses more than Q; the middle third more than both others, if p lets it."""
    table = contrasts_table(model)
    third = table.loc[table["first"] == "front"].head(2).assign(first="middle", second="rear")
    table = pd.concat([table, third], ignore_index=True)
    middle = (table["grid"] == "figure3") & (table["first"] + table["second"] != "frontrear")
    signs = {"front": 1.0, "middle": -1.0}
    table.loc[middle, "difference"] = 10 * table.loc[middle, "first"].map(signs)
    table.loc[middle, "p_holm"] = p
    return table


def planted(**changed: object) -> Results:
    """Divided TimeSformer sees; I3D, which loses less, is at chance when clean."""
    known = {
        "noise": {DIVIDED: cells(DIVIDED), "i3d": cells("i3d").assign(clean_top1=14.0)},
        "contrasts": {DIVIDED: contrasts(DIVIDED, p=0.003), "i3d": contrasts("i3d", p=0.3)},
        "robustness": {DIVIDED: [robustness_table()], "i3d": [robustness_table(lost=5)]},
    }
    return replace(results(), **known | changed)


def _made(found: Results, settings: Settings) -> list[Chart]:
    return noise_charts(found, settings, losses.of(found, settings))


def charts(found: Results) -> dict[str, Chart]:
    return {c.name: c for c in _made(found, drawn.settings(*found.models))}


@pytest.fixture(scope="module")
def made() -> dict[str, Chart]:
    return charts(planted())


def test_what_was_not_run_has_no_chart() -> None:
    assert _made(Results("shapes", ("i3d",), None, {}, {}, {}, {}, {}), drawn.settings()) == []
    alone = replace(results(), contrasts={}, robustness={})
    # no thirds, no contrasts, no losses
    assert list(charts(alone)) == ["retention", "figure2", "figure2-lines", "kappa"]


def test_a_map_has_the_numbers_of_the_cells(made: dict[str, Chart]) -> None:
    own = made["figure2"].table.loc[lambda table: table["model"] == "TimeSformer (divided)"]
    for column, key in COLUMNS.items():
        assert list(own[column]) == list(noise_table()[key]), column
    assert list(dict.fromkeys(own["panel"])) == ["W_Q", "W_V"]


def test_a_map_draws_the_chosen_panel_with_values_and_intervals(made: dict[str, Chart]) -> None:
    first = drawn.svg(made["figure2"])
    assert len(drawn.marks(first, "cells")) == 6
    # 80 less 100σγ, and its interval; σ = 0.1 first
    assert drawn.texts(first, "values") == ["79.5", "75.5", "71.5", "78.5", "66.5", "54.5"]
    assert drawn.texts(first, "intervals")[0] == "77.5–81.5"
    other = drawn.svg(made["figure2"], panel="W_V", measure="top5")
    assert drawn.texts(other, "values")[0] == "93.5"
    assert "TimeSformer (divided), W_V: top-5, %, ρ = 0.5" in drawn.texts(other)
    assert drawn.marks(first, "undefined") == []


def test_a_model_without_the_chosen_panel_shows_its_first_and_says_so() -> None:
    own = {DIVIDED: noise_table(), "i3d": noise_table("i3d", panels=("conv",))}
    chart = charts(planted(noise=own, contrasts={}, robustness={}))["figure2"]
    picture = drawn.svg(chart, model="I3D")
    assert len(drawn.marks(picture, "cells")) == 6
    assert "I3D, conv (there is no W_Q): top-1, %, ρ = 0.5" in drawn.texts(picture)


def test_equal_cells_are_drawn_once_and_found_at_each_of_their_rho(made: dict[str, Chart]) -> None:
    picture = drawn.svg(made["figure4"])
    assert len(drawn.marks(picture, "cells")) == 6
    assert "0.25, 0.5" in drawn.texts(picture)
    for rho in ("0.25", "0.5", "1"):
        lines = drawn.svg(made["figure4-lines"], held_rho=rho)
        assert len(drawn.marks(lines, "dots")) == 9


def test_the_worst_case_is_a_choice() -> None:
    own = {DIVIDED: noise_table(kinds=("weights", WORST_CASE))}
    chart = charts(planted(noise=own, contrasts={}, robustness={}))["figure2"]
    assert len(drawn.marks(drawn.svg(chart), "cells")) == 6
    assert drawn.texts(drawn.svg(chart, noise="worst case"), "values")[0] == "79.0"


def test_a_third_variable_with_several_values_is_a_choice() -> None:
    own = {DIVIDED: noise_table(rhos=(0.5, 1.0)).assign(x="gamma", y="sigma")}
    chart = charts(planted(noise=own, contrasts={}, robustness={}))["figure2"]
    assert len(drawn.marks(drawn.svg(chart), "cells")) == 6
    picture = drawn.svg(chart, third="1")
    assert len(drawn.marks(picture, "cells")) == 6
    assert any(text.endswith("ρ = 1") for text in drawn.texts(picture))


def test_lines_run_along_the_chosen_variable_at_held_values(made: dict[str, Chart]) -> None:
    chart = made["figure3-lines"]
    along = drawn.svg(chart)
    assert len(drawn.marks(along, "lines")) == len(drawn.marks(along, "bands")) == 3
    # three γ, and two σ
    assert len(drawn.marks(along, "dots")) == 9
    other = drawn.svg(chart, across="sigma", held_gamma=0.85)
    assert len(drawn.marks(other, "dots")) == 6
    assert "TimeSformer (divided): top-1, %, γ = 0.85" in drawn.texts(other)
    said = drawn.labels(drawn.svg(chart, against="kappa", held_sigma=0.1), "dots")
    assert any("0.474" in label for label in said)


def test_both_charts_of_a_grid_have_one_table(made: dict[str, Chart]) -> None:
    assert made["figure2"].table is made["figure2-lines"].table


def test_a_model_at_chance_has_no_retention_and_says_why(made: dict[str, Chart]) -> None:
    table = made["figure3"].table
    near = table.loc[table["model"] == "I3D"]
    assert near.loc[:, ["retention", "retention_low", "retention_high"]].isna().all(axis=None)
    assert near["top1"].notna().all()
    chosen = {"model": "I3D", "measure": "retention"}
    told = ["I3D: no retention, clean is not shown to be above chance"]
    for name, layer in (("figure3", "cells"), ("figure3-lines", "dots")):
        picture = drawn.svg(made[name], **chosen)
        assert drawn.texts(picture, "undefined") == told
        assert drawn.marks(picture, layer) == []
    assert len(drawn.marks(drawn.svg(made["figure3"], **chosen), "empty")) == 6
    means = made["retention"].table
    assert means.loc[means["model"] == "I3D", "retention"].isna().all()
    assert drawn.texts(drawn.svg(made["retention"]), "numbers").count("at chance") == 2


def test_retention_is_the_mean_over_the_cells_of_a_panel(made: dict[str, Chart]) -> None:
    table, planted = made["retention"].table, noise_table()
    rows = table.loc[(table["grid"] == "Figure 2") & (table["model"] == "TimeSformer (divided)")]
    for panel, key in (("W_Q", "spatial_attn.q"), ("W_V", "spatial_attn.v")):
        cells_of = planted.loc[planted["panel"] == key]
        (row,) = rows.loc[rows["panel"] == panel].to_dict("records")
        for column in ("retention", "retention_low", "retention_high"):
            assert row[column] == pytest.approx(cells_of[column].mean(), rel=1e-12)
        assert row["cells"] == 6
    assert len(drawn.marks(drawn.svg(made["retention"], grid="Figure 3"), "cells")) == 3


def test_kappa_has_every_cell_once_and_the_curve(made: dict[str, Chart]) -> None:
    chart = made["kappa"]
    (curve, _) = kappa.curves(planted().noise)
    own = chart.table.loc[chart.table["model"] == "TimeSformer (divided)"]
    assert list(own["top1"]) == list(curve.cells["top1_mean"])
    assert list(own["curve"]) == list(curve.cells["fit"])
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "dots")) == len(curve.cells)
    assert len(drawn.marks(picture, "curve")) == 1


def test_contrasts_are_filled_where_holm_leaves_them(made: dict[str, Chart]) -> None:
    chart, planted = made["contrasts"], contrasts(DIVIDED, p=0.003)
    own = chart.table.loc[chart.table["model"] == "TimeSformer (divided)"]
    for column in ("difference", "low", "high", "p_holm", "kappa_first"):
        assert list(own[column]) == list(planted[column])
    assert list(own["weaker"]) == ["W_V", "W_V", *["none"] * 6]
    first, other = drawn.svg(chart), drawn.svg(chart, grid="Figure 3")
    assert [len(drawn.marks(each, "sure")) for each in (first, other)] == [2, 2]
    assert [len(drawn.marks(each, "unsure")) for each in (first, other)] == [0, 4]


def test_losses_are_those_of_the_comparison(made: dict[str, Chart]) -> None:
    found = planted()
    compared = losses.comparison(found.robustness, found.noise, losses.Bootstrap(0, 100))
    table, pairs = made["losses"].table, made["loss-pairs"].table
    assert list(table["lost"]) == [loss.loss for loss in compared.losses]
    assert list(table["low"]) == [loss.low for loss in compared.losses]
    assert list(pairs["p_holm"]) == [pair.p_holm for pair in compared.pairs]
    assert list(table["lose_less"]) == ["I3D", "none"]
    assert len(drawn.marks(drawn.svg(made["losses"]), "dots")) == 2
    assert drawn.texts(drawn.svg(made["loss-pairs"]), "numbers") == ["+25.0 *"]


def test_thirds_have_their_means_and_a_verdict(made: dict[str, Chart]) -> None:
    chart, planted = made["thirds"], cells(DIVIDED)
    row = chart.table.iloc[1]
    middle = planted.loc[(planted["grid"] == "figure3") & (planted["panel"] == "middle")]
    assert (row["model"], row["grid"], row["third"]) == (
        "TimeSformer (divided)",
        "Figure 3",
        "middle",
    )
    assert row["top1"] == pytest.approx(middle["top1_mean"].mean(), rel=1e-12)
    assert row["top1_high"] == pytest.approx(middle["top1_high"].mean(), rel=1e-12)
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "dots")) == 6
    assert drawn.texts(picture, "verdicts") == ["middle first (p = 0.003)", "no difference shown"]
    other = drawn.svg(chart, measure="retention")
    # the other model is at chance
    assert len(drawn.marks(other, "dots")) == 3
    assert any("at chance" in text for text in drawn.texts(other, "verdicts"))


def test_a_third_that_was_not_compared_is_not_judged() -> None:
    # two of the three pairs alone
    chart = charts(planted(contrasts={DIVIDED: contrasts_table()}))["thirds"]
    assert set(chart.table["verdict"]) == {"not compared"}


def test_names_stay_text() -> None:
    evil = drawn.EVIL
    noise = {evil: noise_table(evil, evil, panels=(evil, "front", "middle", "rear"))}
    pairs = contrasts_table(evil).replace({"figure2": evil, "spatial_attn.v": evil})
    found = replace(
        results(),
        models=(evil,),
        noise=noise,
        contrasts={evil: pairs},
        robustness={evil: [robustness_table(grids=(evil,))]},
    )
    made = charts(found)
    # one model has no pairs
    assert len(made) == 7
    for name, chart in made.items():
        picture = drawn.svg(chart)
        assert not [e for e in picture.iter() if e.tag.endswith(("img", "image", "script"))]
        assert any(evil in text for text in drawn.texts(picture)), name
