"""The sentences under the curves and the figures of noise follow the tables."""

import pandas as pd

from signal_perception.report.captions import noise_captions, training_captions
from tests.support.noise_tables import noise_table
from tests.support.results import curve

MODEL, GRID = "timesformer_divided", "figure2"


def _sentences(
    table: pd.DataFrame, dataset: str = "shapes", videos: int = 128, views: int | None = 1
) -> str:
    found = noise_captions.cells(table, dataset, MODEL, GRID, videos=videos, views=views)
    return " ".join(found)


def test_noise_is_set_beside_the_poster_for_its_own_model_and_data_set() -> None:
    assert "from 71.6 to 1.8 %" in _sentences(noise_table(), "hmdb51")
    assert "poster" not in _sentences(noise_table())
    own = noise_captions.cells(noise_table(), "hmdb51", MODEL, "mine", videos=128, views=1)
    assert "poster" not in " ".join(own)


def test_a_clean_accuracy_on_other_views_is_not_that_of_table_1() -> None:
    every = noise_table().assign(views=15)
    assert "Clean is the accuracy of Table 1." in _sentences(every, views=15)
    middle = _sentences(noise_table(), views=15)
    assert (
        "Clean is the accuracy on 1 view of each video, its middle one, and differs from that of "
        "Table 1, which rests on 15 views." in middle
    )
    assert "Clean is the accuracy without noise, on 1 view" in _sentences(noise_table(), views=None)


def test_noise_is_told_with_its_repeats_videos_and_what_is_fixed() -> None:
    sentences = _sentences(noise_table())
    assert "of spatial_attn.q, spatial_attn.v, in p of the P layers" in sentences
    assert "(ρ = 0.5)" in sentences
    assert "3 repeats of the noise" in sentences
    assert "128 videos in 32 clusters" in sentences
    assert "Clean is the accuracy of Table 1" in sentences
    assert "Worst case" not in sentences
    assert "Worst case" in _sentences(noise_table(kinds=("weights", "gradient")))
    taps = _sentences(noise_table(panels=["mlp"]).assign(kind="activations"))
    assert "of what the taps of mlp pass on" in taps


def test_kappa_is_called_the_ratio_of_amplitudes_that_it_is() -> None:
    sentences = _sentences(noise_table())
    assert "κ = σ√(γ·p/P) / rms(W) is the amplitude of the noise relative to that of" in sentences
    assert "energy" not in sentences


def test_ties_and_scores_that_are_no_numbers_are_counted_once_per_cell() -> None:
    # 12 cells of 3 repeats and 128 videos, 2 ties and 1 broken video each
    assert "Of 4608 scored videos in all cells and repeats, 24 have" in _sentences(noise_table())
    assert "12 have scores that are not finite" in _sentences(noise_table())
    equal = noise_table(rhos=[0.25, 0.5])
    assert "Of 4608 scored videos" in _sentences(equal)
    assert "ρ = 0.25, 0.5 disturb as many layers, and are one cell" in _sentences(equal)


def test_cells_on_fewer_videos_are_named() -> None:
    assert "noise.precision" not in _sentences(noise_table())
    table = noise_table()
    table.loc[:3, "n_videos"] = [96, 96, 64, 96]
    assert "* 4 of 12 cells were known well enough (noise.precision) after 64 to 96 of" in (
        _sentences(table)
    )
    # none on all of them
    assert "* 12 of 12 cells" in _sentences(noise_table(), videos=200)


def test_a_validation_split_is_named_where_there_is_one() -> None:
    checked = curve().assign(validation_loss=1.0, validation_top1=50.0)
    (sentence,) = training_captions.curves({"swin": checked, "i3d": curve()})
    assert sentence.startswith("Dashed: Swin on videos of the training split")
    assert training_captions.curves({"swin": curve()}) == []
