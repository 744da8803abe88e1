"""The interactive charts of spectra: their tables are the planted ones, and Vega draws them."""

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from signal_perception.fourier import definitions
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.spectral import spectral_charts
from signal_perception.report.results import depth, poster
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.tables import Results
from tests.support import drawn
from tests.support.noise_tables import noise_spectra_table
from tests.support.results import results
from tests.support.spectral_tables import depth_table, spectra_table

NAMES = [
    *("motion", "figure1", "controls", "comparison", "hertz", "spectrogram", "response"),
    *("spatial", "spatial-depth", "discriminability", "noise-spectra"),
]
TIMESFORMER = "TimeSformer (divided)"
POSTER = Reading("poster", "log_mean")
# TimeSformer: 12 blocks with spatial attention and MLP; I3D: T' = 8 ten times, 4 and 2 three times,
# of which the last three have no bin of the poster
TAPS = {TIMESFORMER: 24, "I3D": 16}
WITH_BIN = {TIMESFORMER: 24, "I3D": 13}


def charts(found: Results, **report: Any) -> dict[str, Chart]:
    settings = drawn.settings(*found.models)
    settings = settings.model_copy(update={"report": settings.report.model_copy(update=report)})
    return {chart.name: chart for chart in spectral_charts(found, settings)}


@pytest.fixture(scope="module")
def made() -> dict[str, Chart]:
    return charts(results())


def of(chart: Chart, **columns: Any) -> pd.DataFrame:
    """The rows that have these values."""
    found = chart.table
    for column, value in columns.items():
        found = found.loc[found[column] == value]
    return found.reset_index(drop=True)


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Both have the same taps and numbers, to the last bit."""
    assert list(found["tap"]) == list(expected["tap"])
    for column in ("value", "low", "high", "omega", "hz", "p_holm"):
        if column in found and column in expected:
            same = (found[column].to_numpy(float), expected[column].to_numpy(float))
            assert np.array_equal(*same, equal_nan=True), column


def has_layer(picture: ElementTree.Element, name: str) -> bool:
    """Whether any line of a layer is drawn."""
    return any(f"{name}_marks" in each.get("class", "") for each in picture.iter())


def test_what_was_not_run_has_no_chart() -> None:
    assert charts(Results("shapes", ("i3d",), None, {}, {}, {}, {}, {})) == {}
    alone = replace(
        results(),
        depth={"i3d": depth_table("i3d", controls=("clip",))},
        spectra={"i3d": spectra_table("i3d", controls=("clip",), size=2)},
        noise_spectra={},
    )
    names = {"motion", "controls", "spatial", "spatial-depth", "noise-spectra"}
    assert set(charts(alone)) == set(NAMES) - names
    assert "controls" not in charts(results(), controls=False)


def test_motion_is_the_paired_difference_of_every_tap(made: dict[str, Chart]) -> None:
    chart = made["motion"]
    for model, name in (("timesformer_divided", TIMESFORMER), ("i3d", "I3D")):
        table = results().depth[model]
        for point in ("poster", "nyquist"):
            expected = depth.profile(table, "a", Reading(point, "log_mean"), control="clip-static")
            assert_equal(of(chart, model=name, bin=point), expected)


def test_motion_draws_a_marker_per_tap_and_hollow_ones_where_it_is_not_sure(
    made: dict[str, Chart],
) -> None:
    picture = drawn.svg(made["motion"])
    marks = drawn.marks(picture, "marks")
    assert len(marks) == sum(WITH_BIN.values())
    # TimeSformer's static clip is its clip
    hollow = [mark for mark in marks if mark.get("fill-opacity") == "0"]
    assert len(hollow) == 24
    # the lines of I3D break where T' changes
    assert len(drawn.marks(picture, "lines")) == len(drawn.marks(picture, "band")) == 3
    assert len(drawn.marks(drawn.svg(made["motion"], one="I3D"), "marks")) == 13
    assert len(drawn.marks(drawn.svg(made["motion"], taps="MLP"), "marks")) == 12
    # the last bin is there for T' = 2 too
    assert len(drawn.marks(drawn.svg(made["motion"], bin="nyquist"), "marks")) == 40


def test_differences_that_are_far_above_are_counted_and_not_drawn() -> None:
    tables = {"i3d": depth_table("i3d", static=-30.0), "swin": depth_table("swin")}
    bins = {model: spectra_table(model) for model in tables}
    found = replace(results(), models=tuple(tables), depth=tables, spectra=bins)
    picture = drawn.svg(charts(found)["motion"])
    assert drawn.texts(picture, "beyond") == ["13 values beyond the axis: 29.0 to 29.0"]
    alone = drawn.svg(charts(found)["motion"], one="Swin")
    assert drawn.texts(alone, "beyond") == []


def test_figure_1_has_both_clips_at_every_statistic_and_bin(made: dict[str, Chart]) -> None:
    chart = made["figure1"]
    assert set(chart.table["statistic"]) == {"log_mean", "log_rms"}
    for statistic in ("log_mean", "log_rms"):
        reading = Reading("nyquist", statistic)
        for control in ("clip", "static"):
            expected = depth.profile(results().depth["i3d"], "a", reading, control=control)
            found = of(chart, model="I3D", statistic=statistic, bin="nyquist", clip=control)
            columns = ["tap", "value"] if control == "static" else list(expected)
            assert_equal(found, expected.loc[:, columns])
            assert (len(depth.numbers(found, "low")) == 0) == (control == "static")


def test_figure_1_shows_the_panels_that_are_chosen(made: dict[str, Chart]) -> None:
    chart = made["figure1"]
    assert len(drawn.marks(drawn.svg(chart), "marks")) == 24 + 13
    for panel, taps in (("b", 12), ("c", 12)):
        labels = drawn.labels(drawn.svg(chart, panel=panel, one=TIMESFORMER), "marks")
        assert len(labels) == taps
        # the depth is that of the panel
        assert "depth: 0.00" in labels[0] and "depth: 1.00" in labels[-1]
    assert len(drawn.marks(drawn.svg(chart), "static_lines")) == 3
    assert not has_layer(drawn.svg(chart, static_shown="hidden"), "static_lines")


def test_the_posters_curve_is_dotted_in_the_panel_of_its_data_set(made: dict[str, Chart]) -> None:
    chart = charts(results("hmdb51"))["figure1"]
    curves = poster.figure1("hmdb51")
    assert curves is not None and "poster" not in set(made["figure1"].table["clip"])
    for panel in "abc":
        rows = of(chart, clip="poster", model=TIMESFORMER)
        rows = rows.loc[rows[f"place_{panel}"].notna()]
        expected = np.array(curves[panel]["timesformer_divided"], float)
        assert np.array_equal(rows["value"].to_numpy(float), expected, equal_nan=True)
    assert len(drawn.marks(drawn.svg(chart), "poster_lines")) == 2
    # it is of its own bin
    for hidden in ({"bin": "nyquist"}, {"poster_shown": "hidden"}):
        assert not has_layer(drawn.svg(chart, **hidden), "poster_lines")


def test_controls_stand_beside_the_clip_of_one_model(made: dict[str, Chart]) -> None:
    chart = made["controls"]
    for control in ("clip", "static", "shuffled"):
        expected = depth.profile(results().depth["i3d"], "a", POSTER, control=control)
        taps = of(chart, model="I3D", clip=control).loc[lambda rows: rows["tap"] != "input"]
        assert_equal(taps, expected)
        pixels = of(chart, model="I3D", clip=control, tap="input")["value"]
        assert list(pixels) == [depth.of_input(results().depth["i3d"], POSTER, control=control)]
    picture = drawn.svg(chart, one="I3D")
    assert len(drawn.marks(picture, "pixels")) == 3
    # the static clip lies 2 below the clip
    assert len(drawn.marks(picture, "marks")) == 3 * 13


def test_models_are_compared_three_ways(made: dict[str, Chart]) -> None:
    chart = made["comparison"]
    for quantity in ("delta", "corrected", "matched"):
        expected = depth.profile(results().depth["i3d"], "a", POSTER, quantity=quantity)
        found = of(chart, model="I3D", quantity=quantity)
        found = found.loc[found["bin"].isna() | (found["bin"] == "poster")]
        assert_equal(found, expected)
        picture = drawn.svg(chart, quantity=quantity)
        assert len(drawn.marks(picture, "marks")) == sum(WITH_BIN.values())


def test_last_taps_stand_against_hertz_whose_range_is_said(made: dict[str, Chart]) -> None:
    chart = made["hertz"]
    table = spectra_table("timesformer_divided", own=1000)
    rows = depth.spectra(table, "log_mean")
    rows = rows.loc[(rows["order"] == rows["order"].max()) & (rows["bin"] > 0)]
    found = of(chart, model=TIMESFORMER)
    assert_equal(found, rows)
    assert list(found["bin"]) == ["", "", "poster", "nyquist"]
    # T' = 8 with 1/6 s between frames, and T' = 2
    assert "Bins lie at 0.75 to 3 Hz." in chart.caption
    assert "All test videos have 12 frames per second." in chart.caption
    labels = drawn.labels(drawn.svg(chart), "marks")
    assert len(labels) == 4 + 1
    top = definitions.corrected(rows["value"].to_numpy(), 8)
    assert f"log amplitude: {top[0]:.2f}".replace("-", "−")[:-1] in labels[0]


def test_hertz_of_single_videos_have_a_range_where_frame_rates_differ() -> None:
    known = results()
    assert known.decode is not None
    decode = known.decode.assign(fps=[24.0, 30.0, 60.0])
    caption = charts(replace(known, decode=decode))["hertz"].caption
    # the third was refused
    assert (
        "Hz are those of the median video: test videos have 24 to 30 frames per second, median 27, "
        "so where frames are taken at one stride the Hz of single videos are 0.89 to 1.11 times "
        "these." in caption
    )
    assert not [
        s for s in charts(replace(known, decode=None))["hertz"].caption if "per second" in s
    ]


def test_the_spectrogram_has_a_cell_per_tap_and_bin_beyond_0(made: dict[str, Chart]) -> None:
    chart = made["spectrogram"]
    table = results().spectra["i3d"]
    for control in ("clip", "static"):
        rows = depth.spectra(table, "log_mean", control=control)
        assert_equal(of(chart, model="I3D", clip=control), rows.loc[rows["bin"] > 0])
    # T' = 8, 4, 2: four, two and one bins beyond the reference
    picture = drawn.svg(chart, one="I3D")
    assert len(drawn.marks(picture, "cells")) == 10 * 4 + 3 * 2 + 3
    picture = drawn.svg(chart, one=TIMESFORMER, taps="MLP")
    assert len(drawn.marks(picture, "cells")) == 12 * 4


def test_discriminability_has_a_cell_per_tap_and_bin(made: dict[str, Chart]) -> None:
    chart = made["discriminability"]
    expected = depth.spectra(results().spectra["i3d"], "mean_log", quantity="discriminability")
    assert_equal(of(chart, model="I3D", clip="clip"), expected)
    picture = drawn.svg(chart, one="I3D", clip="static")
    assert len(drawn.marks(picture, "cells")) == 10 * 5 + 3 * 3 + 3 * 2


def test_the_block_response_is_that_of_every_tap_that_has_one(made: dict[str, Chart]) -> None:
    chart = made["response"]
    for model, name in (("timesformer_divided", TIMESFORMER), ("i3d", "I3D")):
        table = results().spectra[model]
        expected = depth.at_point(table, POSTER, quantity="block_response")
        assert_equal(of(chart, model=name, bin="poster", clip="clip"), expected)
        picture = drawn.svg(chart, one=name)
        count = len(depth.numbers(expected, "value"))
        assert len(drawn.marks(picture, "marks")) == count
        # −0.02 with ±0.05 of I3D's convolutions is neither
        hollow = [m for m in drawn.marks(picture, "marks") if m.get("fill-opacity") == "0"]
        assert len(hollow) == (count if name == "I3D" else 0)


def test_spectra_over_space_are_a_line_per_tap_of_models_with_maps(made: dict[str, Chart]) -> None:
    chart = made["spatial"]
    table = results().spectra["timesformer_divided"]
    expected = depth.spectra(table, "log_mean", transform="spatial")
    assert_equal(of(chart), expected)
    picture = drawn.svg(chart)
    assert len(drawn.marks(picture, "lines")) == 24
    assert len(drawn.marks(picture, "marks")) == len(expected)


def test_top_bins_over_space_are_those_of_the_tables(made: dict[str, Chart]) -> None:
    chart = made["spatial-depth"]
    table = results().spectra["timesformer_divided"]
    for transform in ("spatial", "spatiotemporal"):
        expected = depth.at_point(table, POSTER, transform=transform)
        assert_equal(of(chart, transform=transform), expected)
        picture = drawn.svg(chart, transform=transform)
        assert len(drawn.marks(picture, "marks")) == 24


def test_noise_spectra_are_the_differences_of_every_panel(made: dict[str, Chart]) -> None:
    chart, table = made["noise-spectra"], noise_spectra_table()
    for panel, part in (("W_Q", "spatial_attn.q"), ("W_V", "spatial_attn.v")):
        expected = table.loc[table["panel"] == part].assign(value=table["difference"])
        assert_equal(of(chart, panel=panel), expected)
    marks = drawn.marks(drawn.svg(chart), "marks")
    assert len(marks) == len(table)
    assert len([mark for mark in marks if mark.get("fill-opacity") == "0"]) == 4


def test_several_runs_are_counted_in_the_table() -> None:
    tables = {model: table.assign(n_runs=3) for model, table in results().depth.items()}
    chart = charts(replace(results(), depth=tables))["motion"]
    assert set(chart.table["n_runs"]) == {3}
    drawn.assert_is_sound(chart)


def test_names_of_models_stay_text() -> None:
    known = results()
    own = {model: drawn.EVIL if model == "i3d" else model for model in known.models}
    found = replace(
        known,
        models=tuple(own.values()),
        depth={own[model]: table for model, table in known.depth.items()},
        spectra={own[model]: table for model, table in known.spectra.items()},
        noise_spectra={drawn.EVIL: noise_spectra_table()},
    )
    for chart in charts(found).values():
        drawn.assert_is_sound(chart)
        choices = {"one": drawn.EVIL} if drawn.EVIL in set(chart.table["model"]) else {}
        picture = drawn.svg(chart, **choices)
        assert not [part for part in picture.iter() if part.tag.endswith("img")]
        if chart.name in ("motion", "figure1", "comparison"):
            assert drawn.EVIL in drawn.texts(picture)
