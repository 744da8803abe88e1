"""The sentences under the figures of spectra follow the tables."""

import re

import pytest

from signal_perception.report.captions import spectral_captions
from signal_perception.report.results.depth import Reading
from tests.support.spectral_tables import depth_table, spectra_table


@pytest.fixture(scope="module")
def depths() -> dict:
    swin = depth_table("swin", controls=("clip", "shuffled"))
    return {"swin": swin, "i3d": depth_table("i3d").assign(n_videos=120)}


@pytest.fixture(scope="module")
def bins() -> dict:
    return {"i3d": spectra_table("i3d")}


def test_the_caption_of_figure_1_has_the_numbers_of_the_table(depths: dict) -> None:
    reading = Reading("nyquist", "log_rms")
    sentences = " ".join(spectral_captions.figure1(depths, reading, reference=False))
    assert "95 % bootstrap-t over 120–128 videos in 32 clusters" in sentences
    assert "Training variance is not in the bands" in sentences
    assert "T′ is 2, 4, 8, 16" in sentences
    assert "the last bin" in sentences
    assert "white noise gives 0 with this statistic" in sentences
    assert "Dotted" not in sentences
    with_poster = spectral_captions.figure1(depths, reading, reference=True)
    assert "Dotted" in with_poster[-1]


def test_the_caption_of_other_weights_names_both_and_their_videos(depths: dict) -> None:
    other = depth_table("i3d", weights="shapes-start").assign(n_videos=100)
    given = ({"i3d": {"shapes-start": other}}, depths, Reading("poster", "log_rms"), "shapes")
    sentences = " ".join(spectral_captions.weights(*given))
    assert "log_rms: L = ½ ln(mean of A² over" in sentences
    assert "k = ⌊T′/2⌋ − 1" in sentences
    assert "own weights (fine-tuned on shapes)" in sentences
    # those of I3D with both, Swin has no others
    assert "95 % bootstrap-t over 100–120 videos in 32 clusters" in sentences
    assert "p < .05 after Holm's correction over the taps of one kind" in sentences


def test_1_is_no_limit_of_discriminability(bins: dict) -> None:
    sentences = " ".join(spectral_captions.discriminability(bins))
    assert "(N − C)/(N − C − 2) ≈ 1" in sentences
    assert "Videos that share a source move this value" in sentences


def test_only_the_controls_of_the_tables_are_explained(depths: dict) -> None:
    reading = Reading("poster", "log_mean")
    sentences = " ".join(spectral_captions.controls({"swin": depths["swin"]}, reading))
    assert "Shuffled" in sentences
    assert "repeats its first frame" not in sentences
    assert "reversed" not in sentences.lower()


def test_every_caption_names_its_statistic_and_its_videos(depths: dict, bins: dict) -> None:
    reading = Reading("poster", "log_rms")
    along_the_depth = (
        spectral_captions.motion(depths, reading),
        spectral_captions.controls(depths, reading),
        spectral_captions.comparison(depths, reading),
        spectral_captions.response(bins, reading),
        spectral_captions.spatial_depth(bins, "log_rms"),
    )
    others = (
        spectral_captions.spectrogram(bins, "log_rms"),
        spectral_captions.spatial(bins, "log_rms"),
    )
    for caption in along_the_depth + others:
        sentences = " ".join(caption)
        assert "log_rms: L = ½ ln(mean of A² over" in sentences
        assert re.search(r"over 12\d(–128)? videos in 32 clusters of one source", sentences)
    assert all("95 % bootstrap-t" in " ".join(caption) for caption in along_the_depth)
    for caption in (along_the_depth[0], along_the_depth[3]):
        assert "Filled markers: p < .05 after Holm's correction over the taps of" in " ".join(
            caption
        )
    assert "nominal" in " ".join(along_the_depth[2])
