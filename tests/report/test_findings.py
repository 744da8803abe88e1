"""The findings in words are right on planted tables, and none is made without its test."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from signal_perception.pipeline.params import Study
from signal_perception.report.findings import first, first_noise, losses, thirds
from signal_perception.report.findings.finding import TOPICS, Finding
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Report, Settings
from tests.support import results as made
from tests.support.noise_tables import noise_table, robustness_table
from tests.support.planted import contrasts
from tests.support.spectral_tables import BACKBONES, depth_table, spectra_table

PARTS = {f"spatial_attn.{part}": 10.0 for part in "qkv"}
V_FRAGILE = PARTS | {"spatial_attn.v": 30.0}
THIRDS = {"front": 10.0, "middle": 20.0, "rear": 5.0}
ALL_TAPS = sum(len(kinds) * blocks for kinds, blocks, _ in BACKBONES["swin"])


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(
        seed=0,
        study=Study(
            name="mine",
            datasets=("shapes",),
            models=("swin",),
            weights=("shapes",),
            seeds=(0,),
            size="tiny",
        ),
        report=Report(dpi=50, statistic="log_mean", point="poster", controls=True),
        datasets={},
        views={},
        extract={},
        spectra={},
        probe={},
        noise={"scale": "absolute", "bootstrap": 200},
    )


def planted(**changed: Any) -> Results:
    """One model, Swin, that sees motion; noise as asked."""
    known: dict[str, Any] = {"dataset": "shapes", "size": 2}
    return replace(
        made.results(),
        models=("swin",),
        accuracy={"swin": made.accuracy()},
        depth={"swin": depth_table("swin", **known)},
        spectra={"swin": spectra_table("swin", **known)},
        **({"noise": {}, "contrasts": {}, "robustness": {}} | changed),
    )


def under_noise(lost: dict[str, float], grid: str = "figure2", sure: bool = True) -> Results:
    return planted(
        noise={"swin": noise_table("swin", grid, panels=list(lost), size=12)},
        contrasts={"swin": contrasts(lost, "swin", grid, sure)},
        robustness={"swin": [robustness_table(grids=[grid])]},
    )


def texts(results: Results, settings: Settings, topic: str) -> list[str]:
    return [
        each.text
        for each in first.findings(results, settings, losses.of(results, settings))
        if each.topic == topic
    ]


def test_every_finding_has_a_topic_a_test_and_a_place(settings: Settings) -> None:
    results = made.results()
    found = first.findings(results, settings, losses.of(results, settings))
    assert {each.topic for each in found} == set(TOPICS)
    assert all(each.text.endswith(".") and each.test.endswith(".") for each in found)
    anchors = {"table1", "motion", "figure1", "response", "contrasts", "thirds", "losses"}
    assert {each.anchor for each in found} <= anchors
    assert [each.topic for each in found] == sorted(
        (each.topic for each in found), key=TOPICS.index
    )


def test_motion_only(settings: Settings) -> None:
    (text,) = texts(planted(), settings, "motion")
    assert text.startswith("Motion is most of what is seen at this frequency")
    # Δ of the clip is 2 above that of the static clip at every tap
    assert f"Swin ({ALL_TAPS} of {ALL_TAPS} taps; median tap +2.00, +1.95 to +2.05)" in text


def test_static_only(settings: Settings) -> None:
    table = depth_table("swin", size=2, own=ALL_TAPS)
    (text,) = texts(replace(planted(), depth={"swin": table}), settings, "motion")
    assert text.startswith("What is seen at this frequency is made by the model itself")
    assert f"Swin (0 of {ALL_TAPS} taps; median tap −0.01, −0.06 to +0.04)" in text
    assert "Motion is" not in text


def test_models_that_answer_alike_share_a_sentence(settings: Settings) -> None:
    both = planted()
    table = depth_table("videomae_v1", size=2)
    both = replace(both, models=("swin", "videomae_v1"), depth={**both.depth, "videomae_v1": table})
    (text,) = texts(both, settings, "motion")
    assert "Swin (48 of 48 taps" in text and " and VideoMAE V1 (24 of 24 taps" in text


def test_without_the_static_control_nothing_is_said_of_motion(settings: Settings) -> None:
    table = depth_table("swin", size=2, controls=("clip", "shuffled"))
    found = first.movement(replace(planted(), depth={"swin": table}), _reading(settings))
    assert found == [
        Finding(
            "motion",
            "Whether Swin sees motion is not known: the static control was not run.",
            "Nothing was tested.",
            "figure1",
        )
    ]


def test_kinds_of_blocks_are_low_pass_or_high_pass(settings: Settings) -> None:
    msa, mlp = texts(planted(), settings, "filter")
    # D is −0.1 at every block of attention and 0.1 at every MLP, of the static clip too
    assert msa.startswith("MSA blocks are low-pass in Swin (23 of 23 taps)")
    assert mlp.startswith("MLP blocks are high-pass in Swin (24 of 24 taps)")
    assert msa.endswith("so they are for the static clip in Swin, where nothing moves.")


def test_v_fragile(settings: Settings) -> None:
    results = under_noise(V_FRAGILE)
    assert texts(results, settings, "noise") == [
        "Figure 2, components: W_V breaks first in Swin (20.0 points, 18.0–22.0, p = 0.003)."
    ]
    poster = texts(results, settings, "poster")[-1]
    assert "That V collapses" in poster and "which is not what was run here" in poster
    assert "found in Swin (20.0 points" in poster and "not found" not in poster


@pytest.mark.parametrize("lost", [PARTS, V_FRAGILE])
def test_none_fragile(settings: Settings, lost: dict[str, float]) -> None:
    results = under_noise(lost, sure=False)
    (text,) = texts(results, settings, "noise")
    assert "no difference between any two components is shown in Swin" in text
    assert "first" not in text
    assert "not found in Swin" in texts(results, settings, "poster")[-1]


def test_two_weak_components_are_not_one(settings: Settings) -> None:
    lost = PARTS | {"spatial_attn.v": 30.0, "spatial_attn.k": 30.0}
    (text,) = texts(under_noise(lost), settings, "noise")
    assert "no component is shown to break before all others in Swin" in text


def test_the_middle_third_first_and_the_rear_last(settings: Settings) -> None:
    results = under_noise(THIRDS, "figure3")
    assert texts(results, settings, "noise") == [
        "Figure 3, thirds: the middle third breaks first in Swin (10.0 points, 8.0–12.0, "
        "p = 0.003)."
    ]
    said = texts(results, settings, "poster")[-1]
    assert said.endswith("found in Swin (middle first, p = 0.003; rear last, p = 0.003).")
    (row,) = thirds.table(results).to_dict("records")
    assert (row["weakest"], row["strongest"]) == ("middle", "rear")
    assert row["verdict"] == "middle first (p = 0.003), rear last (p = 0.003)"
    # points of accuracy: the middle third has ten less, the rear third five more
    assert row["front_middle"] == 10 and row["front_rear"] == -5


@pytest.mark.parametrize(
    ("lost", "sure", "verdict", "place"),
    [
        (THIRDS, False, "no difference shown", "neither in Swin (no difference shown)"),
        (
            {"front": 20.0, "middle": 10.0, "rear": 5.0},
            True,
            "front first (p = 0.003), rear last (p = 0.003)",
            "only that the rear third is the most robust in Swin",
        ),
        (
            {"front": 20.0, "middle": 20.0, "rear": 5.0},
            True,
            "rear last (p = 0.003)",
            "only that the rear third is the most robust in Swin",
        ),
        (
            {"front": 5.0, "middle": 20.0, "rear": 5.0},
            True,
            "middle first (p = 0.003)",
            "only that the middle third is the weakest in Swin",
        ),
    ],
)
def test_verdicts_on_thirds(
    settings: Settings, lost: dict[str, float], sure: bool, verdict: str, place: str
) -> None:
    results = under_noise(lost, "figure3", sure)
    assert list(thirds.table(results)["verdict"]) == [verdict]
    assert place in texts(results, settings, "poster")[-1]


def test_means_of_thirds_are_those_of_their_cells() -> None:
    results = under_noise(THIRDS, "figure3")
    (row,) = thirds.table(results).to_dict("records")
    cells = results.noise["swin"]
    for third in THIRDS:
        part = cells.loc[cells["panel"] == third]
        assert row[third] == pytest.approx(part["top1_mean"].mean())
        assert row[f"{third}_low"] == pytest.approx(part["top1_low"].mean())
    assert row["cells"] == 6 and row["clean_top1"] == 80


def test_models_are_compared_only_with_others(settings: Settings) -> None:
    results = under_noise(THIRDS, "figure3")
    both = replace(
        results,
        noise={**results.noise, "i3d": noise_table("i3d", "figure3", ["front"])},
        robustness={
            "swin": [robustness_table(40.0, ["figure3"])],
            "i3d": [robustness_table(10.0, ["figure3"])],
        },
    )
    said = texts(both, settings, "noise")[-1]
    assert said.startswith("Figure 3: Swin loses most (40.0 points, ")
    assert said.endswith("1 of 1 pairs of models differ, these two among them.")
    assert not any("loses most" in text for text in texts(results, settings, "noise"))


def test_who_is_above_chance(settings: Settings) -> None:
    metrics = {
        "swin": made.accuracy(),
        "i3d": made.accuracy(correct1=18),
        "videomae_v1": made.accuracy(correct1=120),
    }
    (found,) = first.accuracy(metrics)
    assert found.text == (
        "2 of 3 models are above chance (12.50 %): from Swin with 75.78 % (72.7–78.8) to VideoMAE "
        "V1 with 93.75 % (90.7–96.8); not shown to be above chance (12.50 %) is I3D with 14.06 % "
        "(11.0–17.1)."
    )
    assert "Holm over 3 models" in found.test


def test_one_source_is_no_evidence(settings: Settings) -> None:
    metrics = made.accuracy() | {"low1": None, "high1": None, "n_clusters": 1}
    (found,) = first.accuracy({"swin": metrics})
    assert found.text == "Not shown to be above chance (12.50 %) is Swin with 75.78 %."


def test_holm_takes_a_narrow_interval_back() -> None:
    barely = made.accuracy(correct1=20) | {"low1": 12.6}
    alone, among = (
        first.accuracy({f"m{n}": barely for n in range(count)})[0].text for count in (1, 8)
    )
    assert alone.startswith("1 of 1 model is above chance")
    assert among.startswith("Not shown to be above chance")


def test_the_poster_is_a_measure_where_split_and_number_are_its_own(settings: Settings) -> None:
    results = replace(
        made.results("hmdb51"),
        accuracy={
            "swin": made.accuracy(correct1=1000, total=1530),
            "videomae_v1": made.accuracy(correct1=1105, total=1530),
            "i3d": made.accuracy(correct1=1000, total=1500),
        },
    )
    found = first_noise.against_the_poster(results, {"kind": "hmdb51", "split": 1})
    compared, not_compared, *_ = found
    assert compared.text.startswith(
        "1 of 2 models differ from the poster's Table 1 at top-1, by points: Swin (−9.8, "
    )
    assert "; no difference is shown for VideoMAE V1 (0.0, " in compared.text
    assert "after Holm over 2 models" in compared.test
    assert not_compared.text == (
        "I3D is not held against the poster's Table 1: 1500 videos, the poster has 1530."
    )
    assert not_compared.test == "Nothing was tested."


def test_without_noise_nothing_is_said_of_it(settings: Settings) -> None:
    assert texts(planted(), settings, "noise") == [
        "Which part of a model breaks first is not known: noise was not run."
    ]
    assert thirds.table(planted()).equals(pd.DataFrame())


def _reading(settings: Settings) -> first.Reading:
    return first.Reading(settings.report.point, settings.report.statistic)
