"""The sentences under the curves and the figures of noise follow the tables."""

import numpy as np

from signal_perception.report import captions
from tests.support.results import curve, noise_table


def test_noise_is_set_beside_the_poster_for_its_own_model_and_data_set() -> None:
    model, grid = "timesformer_divided", "figure2"
    sentences = " ".join(captions.noise(noise_table(), "hmdb51", model, grid))
    assert "from 71.6 to 1.8 %" in sentences
    assert "(ρ = 0.5)" in sentences
    assert "poster" not in " ".join(captions.noise(noise_table(), "shapes", model, grid))


def test_kappa_is_called_the_ratio_of_amplitudes_that_it_is() -> None:
    sentences = " ".join(captions.noise(noise_table(), "shapes", "timesformer_divided", "figure2"))
    assert "κ = σ√γ / rms(W) is the amplitude of the noise relative to that of the" in sentences
    assert "(ρ = 1)" in sentences
    assert "energy" not in sentences


def test_curves_without_top_1_are_explained_and_others_need_no_words() -> None:
    assert captions.curves({"swin": curve()}) == []
    mixed = curve().assign(top1=np.nan)
    (sentence,) = captions.curves({"swin": curve(), "i3d": mixed, "videomae_v1": mixed})
    assert sentence.startswith("No top-1 of I3D, VideoMAE V1: under mixup")
