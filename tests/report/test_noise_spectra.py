"""What noise does to the spectrum, counted and in words."""

import numpy as np
import pytest

from signal_perception.report.findings import noise_spectra
from tests.support.noise_tables import noise_spectra_table


def _effects(**known) -> list[noise_spectra.Effect]:
    return noise_spectra.effects({"swin": noise_spectra_table("swin", **known)})


def test_taps_are_counted_that_the_noise_reaches() -> None:
    q, v = _effects(reached=1)
    assert (v.panel, v.grid, v.before, v.median) == ("W_V", "Figure 2", 1, pytest.approx(0.4))
    assert (v.counts.more, v.counts.less, v.counts.same) == (3, 0, 0)
    assert (q.counts.more, q.counts.less, q.counts.same) == (0, 0, 3)
    assert (v.direction, q.direction) == ("raises", "")


def test_a_tap_without_a_bin_is_missing_and_not_before_the_noise() -> None:
    (effect,) = _effects(changes={"conv": 0.2}, tokens=(8, 4, 2))
    assert (effect.before, effect.missing, effect.counts.total) == (0, 1, 2)


def test_a_model_has_one_sentence_of_what_was_tested() -> None:
    (sentence,) = noise_spectra.findings(_effects())
    assert sentence == (
        "Swin: noise in W_Q changes Δ at none of 4 taps significantly; noise in W_V whitens the "
        "spectrum (Δ rises at 4 of 4 taps)."
    )
    changes = {"front": -0.3, "rear": 0.3}
    (sentence,) = noise_spectra.findings(_effects(changes=changes, reached=4))
    assert (
        sentence
        == "Swin: noise in the front third reaches no tap; noise in the rear third reaches no tap."
    )
    (sentence,) = noise_spectra.findings(_effects(changes=changes))
    assert "noise in the front third lowers Δ at 4 of 4 taps" in sentence


def test_half_of_the_taps_is_no_direction() -> None:
    table = noise_spectra_table("swin", changes={"mlp": 0.4})
    table.loc[2:, "p_holm"] = 0.5
    effects = noise_spectra.effects({"swin": table})
    assert effects[0].direction == ""
    assert "raises Δ at 2 and lowers it at 0 of 4 taps" in noise_spectra.findings(effects)[0]
    table.loc[2, ["difference", "p_holm"]] = -0.4, 0.01
    assert noise_spectra.effects({"swin": table})[0].counts.less == 1


def test_a_model_that_nothing_reaches_has_no_median() -> None:
    assert all(np.isnan(effect.median) for effect in _effects(reached=4))
