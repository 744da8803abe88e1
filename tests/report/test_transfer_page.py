"""The page's part on other weights: probes, CKA and spectra side by side."""

from dataclasses import replace

import pytest

from tests.support.pages import Made, make_page, text
from tests.support.probe_tables import probe_table
from tests.support.results import others, results


@pytest.fixture(scope="module")
def made() -> Made:
    return make_page(results())


def test_other_weights_have_a_section_where_there_are_any(made: Made) -> None:
    # not in the pictures' letters either, which may be any
    for absent in ("Other weights", "CKA", "Better, worse"):
        assert absent not in text(made.html)
    one, again = (make_page(replace(results(), others=others())) for _ in range(2))
    assert (one.html, one.figures) == (again.html, again.figures)
    names = list(one.figures)
    assert names.index("shapes-weights.png") == names.index("shapes-probe.png") + 1
    page_text = text(one.html)
    for expected in (
        "Other weights along the depth, and their difference to own ones.",
        # taps, MSA, MLP, Conv, medians
        "I3D before fine-tuning 16 – – 13 / 0 / 0 0.30 2.30 2.00",
        "I3D fine-tuned on gestures 16 – – 13 / 0 / 0 0.30 2.30 2.00",
        "I3D, before fine-tuning: 3 taps have no value.",
        "I3D, before fine-tuning: Δ differs at 13 of 13 Conv taps",
        "TimeSformer (divided): not run before fine-tuning and fine-tuned on gestures.",
    ):
        assert expected in page_text


def test_probes_of_other_weights_stand_beside_their_spectra() -> None:
    tables = {w: probe_table(weights=w, worse=3) for w in ("shapes-start", "gestures")}
    probes = {"i3d": {"shapes": probe_table(), **tables}}
    made = make_page(replace(results(), others=others(), probes=probes))
    names = list(made.figures)
    place = names.index("shapes-probe.png")
    assert names[place : place + 3] == ["shapes-probe.png", "shapes-cka.png", "shapes-weights.png"]
    page_text = text(made.html).replace("&#39;", "'")
    for expected in (
        "(42.0–58.0) 80.0 (72.0–88.0) 80.0 (72.0–88.0) 03.conv – – – – –",
        # better, worse, same; median; CKA at both ends; taps beyond shuffled videos
        "03.conv 0 / 3 / 1 −20.0 0.90 (0.80–0.95) 0.00 (−0.10 to 0.05) 3 of 4",
        "I3D, before fine-tuning: the probe is better than fine-tuned on shapes at 0 and worse at "
        "3 of 4 taps; features are more alike than those of shuffled videos at 3 of 4 taps, the "
        "last of them 02.conv.",
        "after Holm's correction over the taps of one model and weights",
        "the unbiased one (HSIC₁",
        "Spectra with other weights",
        "Not run: probes of TimeSformer (divided).",
    ):
        assert expected in page_text
