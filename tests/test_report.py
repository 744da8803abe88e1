"""The report: what its figures and page show of small tables, and that the same tables give the same bytes."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from signal_perception import spectra
from signal_perception.errors import UserError
from signal_perception.report import captions, depth, poster, style, tables
from signal_perception.report.noise_figures import noise_figure, panel_title
from signal_perception.report.page import page
from signal_perception.report.spectral_figures import controls_figure, figure1
from signal_perception.report.tables import Results
from signal_perception.report.training_figure import curves_figure

# model → kinds of a block, blocks, temporal tokens, as in the published architectures
BACKBONES = {
    "timesformer_divided": [(("temporal_attn", "spatial_attn", "mlp"), 12, 8)],
    "uniformer_v1": [(("local_attn", "mlp"), 13, 8), (("joint_attn", "mlp"), 27, 8)],
    "uniformer_v2": [(("local_attn", "spatial_attn", "mlp"), 8, 8), (("spatial_attn", "mlp", "global_attn"), 4, 8)],
    "swin": [(("joint_attn", "mlp"), 24, 16)],
    "i3d": [(("conv",), 13, 8), (("conv",), 3, 2)],
}
LEVELS = {"clip": -1.0, "static": -9.0, "shuffled": -0.5, "reversed": -1.0}


def spectra_table(model, dataset="shapes", controls=("clip", "static", "shuffled"), backbone=None):
    """Tidy spectra whose Δ is level − bin/10 − order/100; the input pixels lie one below."""
    taps: list[tuple[str, str, int, int]] = [("input", "input", -1, 16)]
    for kinds, blocks, tokens in backbone or BACKBONES[model]:
        first = taps[-1][2] + 1
        taps += [(f"{b:02d}.{kind}", kind, b, tokens) for b in range(first, first + blocks) for kind in kinds]
    rows = []
    for control in controls:
        for order, (tap, kind, block, tokens) in enumerate(taps):
            for statistic in ("log_mean", "log_rms"):
                for k, omega in enumerate(spectra.omega(tokens)):
                    delta = (LEVELS[control] - k / 10 - order / 100 - (tap == "input")) if k else 0.0
                    rows.append(
                        {
                            "dataset": dataset,
                            "model": model,
                            "control": control,
                            "tap": tap,
                            "order": order,
                            "kind": kind,
                            "block": block,
                            "side": "stream",
                            "tokens": tokens,
                            "bin": k,
                            "omega": omega,
                            "hz": omega * 3,
                            "statistic": statistic,
                            "delta": delta,
                            "low": delta - 0.05,
                            "high": delta + 0.05,
                            "is_poster": k == spectra.representative(tokens, "poster").index,
                            "is_nyquist": k == spectra.representative(tokens, "nyquist").index,
                            "n_videos": 128,
                            "n_clusters": 32,
                            "dead_share": 0.125 if kind == "conv" else 0.0,
                        }
                    )
    return pd.DataFrame(rows)


def noise_table(
    model="timesformer_divided",
    grid="figure2",
    panels=("spatial_attn.q", "spatial_attn.v"),
    sigma=(0.1, 0.3),
    rho=(0.5,),
):
    """Cells whose top-1 falls from 80 by 100σγ, a little more in every further panel."""
    rows = []
    for number, panel in enumerate(panels):
        for r in rho:
            for s in sigma:
                for gamma in (0.05, 0.45, 0.85):
                    top1 = 80 - 100 * s * gamma - number
                    cell: dict[str, Any] = {
                        "dataset": "shapes",
                        "model": model,
                        "grid": grid,
                        "panel": panel,
                        "component": panel,
                        "pool": "all",
                    }
                    cell |= {"sigma": s, "gamma": gamma, "rho": r, "repeats": 3}
                    for k, mean in ((1, top1), (5, top1 + 15)):
                        cell |= {
                            f"top{k}_mean": mean,
                            f"top{k}_sd": 1.0,
                            f"top{k}_low": mean - 2,
                            f"top{k}_high": mean + 2,
                        }
                    cell |= {"clean_top1": 80.0, "clean_top5": 95.0, "chance_top1": 12.5, "chance_top5": 62.5}
                    cell |= {
                        "retention": (top1 - 12.5) / 67.5,
                        "robustness": top1 / 80,
                        "kappa": 10 * s,
                        "nan_videos": 1,
                    }
                    cell |= {"n_videos": 128, "n_clusters": 32, "delta_sha256": "ab" * 32}
                    rows.append(cell)
    return pd.DataFrame(rows)


def accuracy(correct1=97, total=128, dropped=0):
    metrics: dict[str, Any] = {
        "total": total,
        "dropped": dropped,
        "pretrained": None,
        "n_clusters": 32,
        "weights_sha256": "0123abcd" * 8,
    }
    for k, correct in ((1, correct1), (5, 120)):
        top = 100 * correct / total
        metrics |= {
            f"top{k}": top,
            f"correct{k}": correct,
            f"low{k}": top - 3,
            f"high{k}": top + 3,
            f"chance{k}": 12.5 * k,
        }
    return metrics | {"controls": {"shuffled": {"top1": 14.0625, "correct1": 18, "total": 128}}}


def decode_table():
    fine = {
        "label": "turns",
        "split": "test",
        "group": "g1",
        "promised": 24,
        "decoded": 24,
        "fps": 12.0,
        "width": 64,
        "height": 64,
    }
    fine |= {"codec": "h264", "decoder": "decord", "verdict": "ok", "sha256": "00" * 32}
    broken = {"id": "c.avi", "decoded": 0, "codec": None, "decoder": None, "verdict": "refused: <moov> is missing"}
    return pd.DataFrame(
        [fine | {"id": "a.mp4"}, fine | {"id": "b.mp4", "decoded": 20, "verdict": "short"}, fine | broken]
    )


def curve():
    return pd.DataFrame({"epoch": range(3), "lr": [0.1, 0.2, 0.1], "loss": [2.0, 1.0, 0.5], "top1": [10.0, 40.0, 70.0]})


def results(dataset="shapes"):
    models = ("timesformer_divided", "i3d")
    return Results(
        dataset,
        models,
        decode_table(),
        {m: accuracy(dropped=int(m == "i3d")) for m in models},
        {m: spectra_table(m, dataset) for m in models},
        {"timesformer_divided": noise_table()},
        dict.fromkeys(models, curve()),
    )


def make_page(*parts):
    settings = {"Study": {"size": "tiny", "seed": 0}}
    return page(list(parts), settings, statistic="log_mean", point="poster", controls=True, dpi=50)


@pytest.fixture(scope="module")
def whole():
    return make_page(results())


def text(html):
    """The page without its pictures and tags, white space made one."""
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.index("<body") :]).split())


# --- the poster ------------------------------------------------------------------------------------------------------------------------


def test_every_number_of_the_poster_is_a_quotient_of_its_test_split():
    for dataset, total in (("hmdb51", 1530), ("ucf101", 3783)):
        assert len(poster.TABLE1[dataset]) == 8
        for printed in poster.TABLE1[dataset].values():
            for percent in (printed.top1, printed.top5):
                assert abs(round(percent * total / 100) * 100 / total - percent) <= 0.005 + 1e-9


def test_the_digitised_curves_have_the_taps_of_the_backbones():
    curves = poster.figure1("hmdb51")
    assert curves is not None
    assert {model: len(values) for model, values in curves["b"].items()} == {
        "timesformer_divided": 12,
        "timesformer_joint": 12,
        "videomae_v1": 12,
        "videomae_v2": 12,
        "uniformer_v1": 27,
        "uniformer_v2": 12,
        "swin": 24,
        "i3d": 16,
    }
    assert poster.figure1("ucf101") is None
    for panel in depth.PANELS:
        for model in BACKBONES:
            taps = depth.profile(spectra_table(model), model, panel, point="poster", statistic="log_mean")
            assert len(taps) == len(curves[panel][model])


# --- depth -----------------------------------------------------------------------------------------------------------------------------


def test_a_panel_has_one_attention_tap_per_block_and_never_the_temporal_one():
    taps = depth.profile(
        spectra_table("timesformer_divided"), "timesformer_divided", "a", point="poster", statistic="log_mean"
    )
    assert list(taps["tap"][:4]) == ["00.spatial_attn", "00.mlp", "01.spatial_attn", "01.mlp"]
    assert list(taps["x"]) == pytest.approx([i / 23 for i in range(24)])
    taps = depth.profile(spectra_table("uniformer_v2"), "uniformer_v2", "b", point="poster", statistic="log_mean")
    assert set(taps["kind"]) == {"spatial_attn"}  # after the local attention of the same block


def test_a_profile_has_the_value_of_the_representative_bin_of_each_tap():
    table = spectra_table("i3d")
    for point, k in (("poster", 3), ("nyquist", 4)):
        taps = depth.profile(table, "i3d", "c", point=point, statistic="log_rms")
        assert taps["delta"][0] == pytest.approx(-1 - k / 10 - 0.01)
    missing = depth.profile(table, "i3d", "c", point="poster", statistic="log_rms")["delta"].isna()
    assert list(missing) == [False] * 13 + [True] * 3  # the last stage has T' = 2
    assert depth.profile(table, "i3d", "b", point="nyquist", statistic="log_rms")["delta"].notna().all()


def test_the_branch_is_drawn_only_where_there_is_no_stream():
    stream = spectra_table("swin", backbone=[(("joint_attn", "mlp"), 2, 8)])
    branch = stream.assign(
        side="branch",
        delta=stream["delta"] - 5,
        tap=stream["tap"].where(stream["tap"] == "input", stream["tap"] + ".branch"),
    )
    both = depth.profile(pd.concat([stream, branch]), "swin", "a", point="poster", statistic="log_mean")
    alone = depth.profile(branch, "swin", "a", point="poster", statistic="log_mean")
    assert not both["tap"].str.endswith("branch").any()
    assert alone["tap"].str.endswith("branch").all()
    assert len(both) == len(alone) == 4


def test_a_summary_reports_delta_three_ways():
    summary = depth.summaries(spectra_table("i3d"), point="poster", statistic="log_mean")[0]
    orders = np.arange(1, 14)
    assert (summary.taps, summary.missing, summary.tokens) == (16, 3, (2, 8))
    assert summary.delta == pytest.approx(np.mean(-1.3 - orders / 100))
    assert summary.corrected == pytest.approx(summary.delta + 0.5 * np.log(8))
    assert summary.matched == pytest.approx(np.mean(-1.2 - orders / 100))  # ω = 0.5π is bin 2 of 8 tokens
    assert summary.input == pytest.approx(-1 - 0.7 - 1)
    assert summary.dead == 0.125
    assert "at least 4" in summary.reason


# --- figures ---------------------------------------------------------------------------------------------------------------------------


def test_figure_1_draws_each_model_in_its_colour_and_the_poster_dotted():
    table = pd.concat([spectra_table(m, "hmdb51") for m in ("i3d", "swin")] + [spectra_table("uniformer_v1", "ucf101")])
    figure = figure1(table, "hmdb51", point="poster", statistic="log_mean", reference=poster.figure1("hmdb51"), dpi=50)
    looks = style.looks(["i3d", "swin"])
    for axis in figure.axes:
        solid = {to_hex(line.get_color()): line for line in axis.lines if line.get_linestyle() == "-"}
        dotted = [line for line in axis.lines if line.get_linestyle() == ":"]
        assert solid.keys() == {looks["i3d"][0], looks["swin"][0]}
        assert {to_hex(line.get_color()) for line in dotted} == solid.keys()
        assert np.asarray(solid[looks["i3d"][0]].get_ydata())[0] == pytest.approx(-1.31)
    labels = [label.get_text() for label in figure.legends[0].get_texts()]
    assert labels == ["I3D", "Swin", "poster, digitised ±0.03"]


def test_controls_that_lie_far_below_are_named_and_not_drawn():
    table = pd.concat([spectra_table("i3d"), spectra_table("swin")])
    figure = controls_figure(table, "shapes", point="poster", statistic="log_mean", dpi=50)
    assert [axis.get_title() for axis in figure.axes] == ["I3D", "Swin"]
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.texts] == ["static: −9.4 to −9.3, below the axis"]
    heights = [round(float(np.asarray(line.get_ydata())[0]), 2) for line in axis.lines]
    assert heights == [-1.31, -2.7, -0.81, -2.2]  # clip, its pixels, shuffled, its pixels
    assert axis.get_ylim()[0] > -4


def test_models_without_a_look_of_their_own_get_different_ones():
    looks = style.looks(["mine", "swin", "yours"])
    assert len(set(looks.values())) == 3
    assert looks["swin"] == style.looks(["swin"])["swin"]
    assert style.name("mine") == "mine"


def test_a_noise_figure_has_surfaces_and_the_numbers_of_every_cell():
    figure = noise_figure(noise_table(), "timesformer_divided", "figure2", dpi=50)
    axes = [axis for part in figure.subfigs for axis in part.axes]
    surfaces, numbers = axes[:2], axes[2:]
    assert [axis.name for axis in axes] == ["3d"] * 2 + ["rectilinear"] * 4
    assert [axis.get_title() for axis in surfaces] == ["$W_Q$", "$W_V$"]
    assert all(len(axis.collections) == 4 for axis in surfaces)  # top-1, top-5 and the clean plane of each
    cells = [t.get_text() for t in numbers[0].texts]
    assert cells == ["78.5\n76–80", "66.5\n64–68", "54.5\n52–56", "79.5\n78–82", "75.5\n74–78", "71.5\n70–74"]
    assert "clean 95.0, chance 62.5" in numbers[2].get_title()


def test_a_grid_over_rho_has_rho_on_its_axis_and_a_single_row_has_no_surface():
    def axes(table):
        return [
            axis for part in noise_figure(table, "timesformer_divided", "figure4", dpi=50).subfigs for axis in part.axes
        ]

    over_rho = axes(noise_table(grid="figure4", panels=("front",), sigma=(0.2,), rho=(0.25, 1.0)))
    assert [axis.get_ylabel() for axis in over_rho] == ["ρ"] * 3
    assert over_rho[0].get_title() == "front third"
    single = axes(noise_table(grid="figure4", panels=("conv",), sigma=(0.2,)))
    assert [axis.name for axis in single] == ["rectilinear"] * 2
    both = axes(noise_table(grid="figure4", panels=("rear",), rho=(0.25, 1.0)))
    assert [axis.get_title() for axis in both[:2]] == ["rear third, ρ = 0.25", "rear third, ρ = 1"]


def test_panels_are_named_for_readers():
    assert [panel_title(p) for p in ("q", "temporal_attn.k", "middle", "conv")] == [
        "$W_Q$",
        "$W_K$",
        "middle third",
        "conv",
    ]


def test_curves_are_drawn_by_epoch():
    figure = curves_figure({"swin": curve(), "i3d": curve()[:1]}, dpi=50)
    line, point = figure.axes[1].lines
    assert list(np.asarray(line.get_xdata())) == [1, 2, 3]
    assert list(np.asarray(line.get_ydata())) == [10, 40, 70]
    assert point.get_marker() == "X"  # a single epoch is no line


# --- tables ----------------------------------------------------------------------------------------------------------------------------


def test_an_accuracy_that_is_no_quotient_of_its_counts_is_refused():
    broken = replace(results(), accuracy={"i3d": accuracy() | {"top1": 76.5}})
    with pytest.raises(UserError, match=r"76\.50 %, but 97 of 128"):
        tables.accuracy_rows(broken)


def test_table_1_has_the_poster_beside_it_for_the_posters_data_sets():
    row = tables.accuracy_rows(replace(results("hmdb51"), accuracy={"i3d": accuracy()}))[0]
    assert (row.top1, row.correct) == ("75.78 (72.8–78.8)", "97 / 120 of 128")
    assert (row.poster, row.quoted) == ("71.44 / 93.20", "74.30")
    assert tables.accuracy_rows(results())[0].poster == ""


def test_noise_rows_tell_the_weakest_cell():
    row = tables.noise_rows(noise_table())[1]
    assert (row.panel, row.top1, row.top5) == ("WV", "78.5–53.5", "93.5–68.5")
    assert row.weakest == "σ = 0.3, γ = 0.85, ρ = 0.5"
    assert row.retention == f"{(53.5 - 12.5) / 67.5:.2f}"
    assert row.nan_videos == 6


def test_verdicts_are_counted_and_refused_videos_come_first():
    found = tables.decoding(decode_table())
    assert found.counts == {"ok": (1,), "refused": (1,), "short": (1,)}
    assert (found.refused, found.total) == (1, 3)
    assert [video["id"] for video in found.others] == ["c.avi", "b.mp4"]
    assert found.others[0]["codec"] == "–"


def test_tables_are_read_back_as_written_and_missing_ones_are_not_run(tmp_path):
    made = results()
    for model in made.models:
        made.spectra[model].to_csv(tmp_path / f"{model}.csv", index=False)
    (tmp_path / "i3d.json").write_text(json.dumps(made.accuracy["i3d"]))
    absent = {m: tmp_path / f"{m}.none" for m in made.models}
    found = tables.read(
        "shapes",
        made.models,
        decode=tmp_path / "none.csv",
        accuracy={m: tmp_path / f"{m}.json" for m in made.models},
        spectra={m: tmp_path / f"{m}.csv" for m in made.models},
        noise=absent,
        curves=absent,
    )
    assert found.accuracy == {"i3d": made.accuracy["i3d"]}
    assert (found.decode, found.noise, found.curves) == (None, {}, {})
    for model in made.models:
        pd.testing.assert_frame_equal(found.spectra[model], made.spectra[model])


# --- the page --------------------------------------------------------------------------------------------------------------------------


def test_the_same_tables_give_the_same_bytes(whole):
    again = make_page(results())
    assert again.html == whole.html
    assert again.figures == whole.figures
    assert list(whole.figures) == [
        "shapes-curves.png",
        "shapes-figure1.png",
        "shapes-controls.png",
        "shapes-timesformer_divided-figure2.png",
    ]
    for png in whole.figures.values():
        assert png.startswith(b"\x89PNG")
        assert b"tEXt" not in png  # neither software nor date


def test_the_numbers_are_on_the_page(whole):
    page_text = text(whole.html)
    for expected in (
        "75.78 (72.8–78.8)",
        "93.75 (90.8–96.8)",
        "97 / 120 of 128",
        "14.06",  # shuffled
        "128 videos in 32 clusters",
        "0123abcd" * 8,
        "σ = 0.3, γ = 0.85, ρ = 0.5",
        "mean over 3 repeats",
        "+0.105",
        "½ ln T′",
        "1 of 3 videos were dropped",
        "Not run: weight noise of I3D.",
    ):
        assert expected in page_text
    assert whole.html.count("data:image/png;base64,") == len(whole.figures)


def test_an_accuracy_over_fewer_videos_is_marked(whole):
    assert "I3D †" in whole.html
    assert "TimeSformer (divided) †" not in whole.html
    assert "Not every test video was scored" in text(whole.html)
    complete = make_page(replace(results(), accuracy={"i3d": accuracy()}, spectra={}, noise={}, curves={}))
    assert "†" not in complete.html


def test_text_from_outside_is_escaped(whole):
    assert "&lt;moov&gt; is missing" in whole.html
    assert "<moov>" not in whole.html


def test_the_page_is_well_formed_and_refers_to_nothing_outside(whole):
    class Balance(HTMLParser):
        void = frozenset({"meta", "img"})

        def __init__(self):
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag not in self.void:
                self.open.append(tag)
            for key, value in attrs:
                assert key not in ("src", "href") or (value or "").startswith(("data:", "#"))

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(whole.html)
    assert parser.open == []
    assert "http" not in re.sub(r"data:[^\"]*", "", whole.html)


def test_a_study_without_results_still_has_a_page():
    empty = make_page(Results("gestures", ("swin", "i3d"), None, {}, {}, {}, {}))
    for what in ("accuracy", "spectra", "weight noise"):
        assert f"Not run: {what} of Swin, I3D." in text(empty.html)
    assert "Not run: decoding." in text(empty.html)
    assert empty.figures == {}


def test_captions_follow_the_tables():
    table = pd.concat([spectra_table("swin", controls=("clip", "shuffled")), spectra_table("i3d").assign(n_videos=120)])
    sentences = " ".join(captions.figure1(table, point="nyquist", statistic="log_rms", reference=False))
    assert "120–128 videos in 32 clusters" in sentences
    assert "T′ is 2, 8, 16" in sentences
    assert "Dotted" not in sentences
    assert "Reversed" not in " ".join(captions.controls(table))
    noise = " ".join(captions.noise(noise_table(), "hmdb51", "timesformer_divided", "figure2"))
    assert "from 71.6 to 1.8 %" in noise
    assert "(ρ = 0.5)" in noise
    assert "poster" not in " ".join(captions.noise(noise_table(), "shapes", "timesformer_divided", "figure2"))
