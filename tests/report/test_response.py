"""Which kinds of blocks are low-pass and which high-pass."""

import numpy as np
import pytest

from signal_perception.report.findings import response
from signal_perception.report.results import depth
from signal_perception.report.results.depth import Reading
from tests.support.spectral_tables import spectra_table

POSTER = Reading("poster", "log_mean")


def test_attention_below_0_is_low_pass_and_mlps_above_0_are_high_pass() -> None:
    attention, mlp = response.responses({"swin": spectra_table("swin")}, POSTER)
    # nothing comes before the first tap
    assert (attention.kind, attention.taps, attention.low, attention.high) == ("MSA", 23, 23, 0)
    assert (attention.word, attention.below) == ("low-pass", 1)
    assert attention.mean == pytest.approx(-0.1)
    assert (mlp.kind, mlp.taps, mlp.word, mlp.below) == ("MLP", 24, "high-pass", 0)


def test_taps_that_may_be_0_are_neither_and_other_tokens_do_not_count() -> None:
    (row,) = response.responses({"i3d": spectra_table("i3d")}, POSTER)
    # without the first tap, the first after 8 → 4, and those of T' = 2
    assert (row.kind, row.taps, row.word) == ("Conv", 9 + 2, "neither")
    assert (row.low, row.high, row.below) == (0, 0, 1)


@pytest.mark.parametrize("p_holm, low, word", [(0.05, 0, "neither"), (0.049, 23, "low-pass")])
def test_p_after_holm_decides(p_holm: float, low: int, word: str) -> None:
    # without Holm, and by their intervals, all taps are below 0
    table = spectra_table("swin").assign(p=0.01, p_holm=p_holm)
    attention, _ = response.responses({"swin": table}, POSTER)
    assert (attention.low, attention.word) == (low, word)


@pytest.mark.parametrize(
    "low, high, word", [(7, 0, "low-pass"), (6, 6, "neither"), (0, 7, "high-pass")]
)
def test_a_kind_is_what_more_than_half_of_its_taps_are(low: int, high: int, word: str) -> None:
    assert response.word(12, low, high) == word


def test_models_without_a_response_are_named_with_the_reason() -> None:
    short = [(("conv",), 2, 2)]
    tables = {
        "i3d": spectra_table("i3d"),
        "swin": spectra_table("swin", side="branch"),
        "mine": spectra_table("mine", backbone=short),
    }
    assert response.without(tables, POSTER) == {
        "swin": "only what the sub-layers add was extracted, not the stream",
        "mine": "no two neighbouring taps have this bin",
    }
    assert [row.model for row in response.responses(tables, POSTER)] == ["i3d"]
    assert np.isnan(depth.at_point(tables["mine"], POSTER)["value"]).all()
