"""The poster's printed numbers against each other and against the backbones."""

from signal_perception.report.results import depth, poster
from tests.support.spectral_tables import BACKBONES, depth_table


def test_every_number_of_the_poster_is_a_quotient_of_its_test_split() -> None:
    assert poster.TOTALS == {"hmdb51": 1530, "ucf101": 3783}
    for dataset, total in poster.TOTALS.items():
        assert set(poster.TABLE1[dataset]) == set(poster.PRETRAINING)
        for printed in poster.TABLE1[dataset].values():
            assert (printed.percent(1), printed.percent(5)) == (printed.top1, printed.top5)
            for k in (1, 5):
                again = 100 * printed.correct(k, total) / total
                assert abs(again - printed.percent(k)) <= 0.005 + 1e-9


def test_the_count_behind_a_percentage_is_the_only_one() -> None:
    """A step of one video is wider than the rounding to two decimals."""
    for total in poster.TOTALS.values():
        assert 100 / total > 0.01
    assert poster.TABLE1["hmdb51"]["i3d"].correct(1, 1530) == 1093
    # 3 videos wrong
    assert poster.TABLE1["ucf101"]["videomae_v2"].correct(5, 3783) == 3780


def test_the_digitised_curves_have_the_taps_of_the_backbones() -> None:
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
    tables = {model: depth_table(model, controls=("clip",)) for model in BACKBONES}
    for panel in depth.PANELS:
        for model in BACKBONES:
            taps = depth.taps(tables[model], panel)
            assert len(taps) == len(curves[panel][model])
