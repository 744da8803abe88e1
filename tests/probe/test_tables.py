"""The table per tap: accuracy, the paired difference to own weights, and CKA."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from signal_perception.features import store
from signal_perception.features.store import Features, Index
from signal_perception.pipeline.errors import UserError
from signal_perception.probe.run import probed
from signal_perception.probe.settings import Probe, Settings
from signal_perception.probe.tables import COMPARED, table
from signal_perception.seeding import generator
from signal_perception.statistics.comparison import holm, p_value
from signal_perception.statistics.intervals import resamples

SETTINGS = Settings(seed=0, probe=Probe(folds=3, bootstrap=200))
TRAINING, TEST, CLASSES = 64, 48, 4
GROUPS = [*(f"r{n // 8}" for n in range(TRAINING)), *(f"t{n // 4}" for n in range(TEST))]


def write(path: Path, signal: tuple[float, ...], changed: float = 0.0) -> Features:
    """Features of some taps, which tell classes apart by so much; changed: noise on top."""
    labels = np.arange(TRAINING + TEST) % CLASSES

    def taps() -> list[NDArray]:
        found = []
        for number, size in enumerate(signal):
            base = generator(0, "features", number).normal(size=(len(labels), 8))
            noise = generator(1, "noise", number).normal(size=base.shape)
            signal_of_class = np.where(np.eye(8)[labels] > 0, size, 0)
            found.append((base + signal_of_class + changed * noise).astype(np.float32))
        return found

    index = Index(
        tuple(f"{n}.mp4" for n in range(len(labels))),
        tuple(GROUPS),
        tuple("abcd"[label] for label in labels),
        TRAINING,
        tuple("abcd"),
        tuple(f"{n:02d}.mlp" for n in range(len(signal))),
        ("mlp",) * len(signal),
        tuple(range(len(signal))),
        "ab" * 32,
    )
    store.write(path, index, iter(taps()))
    return Features(path)


def rows(features: Features, own: Features | None, folder: Path) -> pd.DataFrame:
    others = None if own is None else probed(own, None, SETTINGS, folder / "own", "test")
    found = probed(features, own, SETTINGS, folder / "these", "test")
    draws = resamples(GROUPS[TRAINING:], 0, 200)
    return table(found, others, draws, {"weights": "some"})


@pytest.fixture(scope="module", autouse=True)
def one_process() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNAL_PERCEPTION_WORKERS", "1")
        yield


def test_own_weights_are_compared_with_nothing(tmp_path: Path) -> None:
    found = rows(write(tmp_path / "f.npz", (0.0, 2.0, 20.0)), None, tmp_path)
    assert found["tap"].tolist() == ["00.mlp", "01.mlp", "02.mlp"]
    assert found["depth"].tolist() == [0, 0.5, 1]
    assert set(found["channels"]) == {8}
    assert (set(found["total"]), set(found["n_clusters"])) == ({TEST}, {12})
    assert set(found["chance"]) == {25.0}
    assert found["top1"].tolist()[-1] == 100
    assert found["high"].tolist()[0] < 60
    assert (found["correct"] / TEST * 100).tolist() == pytest.approx(found["top1"].tolist())
    # Wilson's: never a point
    assert found["low"].iloc[-1] < 100
    assert found.loc[:, [*COMPARED]].isna().all(axis=None)


def test_other_weights_are_compared_by_video(tmp_path: Path) -> None:
    own = write(tmp_path / "own.npz", (0.0, 3.0, 3.0))
    other = write(tmp_path / "other.npz", (0.0, 3.0, 0.0), changed=0.5)
    found = rows(other, own, tmp_path)
    assert (found["top1"] - found["own_top1"]).tolist() == pytest.approx(
        found["difference"].tolist()
    )
    hits = [
        np.load(tmp_path / whose / "02.mlp.npz")["hits"].astype(float) for whose in ("these", "own")
    ]
    draws = resamples(GROUPS[TRAINING:], 0, 200)
    assert found["p"].iloc[2] == pytest.approx(float(p_value(hits[0] - hits[1], draws)))
    assert found["difference_high"].iloc[2] < 0
    assert found["p_holm"].tolist() == holm(found["p"].to_numpy()).tolist()
    # features with a little noise are alike, those that lost their classes less so
    assert found["cka"].iloc[1] > found["cka"].iloc[2] > found["cka_of_shuffled"].iloc[2]
    bounds = found.loc[:, ["cka_low", "cka", "cka_high"]].to_numpy(float)
    assert (np.diff(bounds, axis=1) > 0).all()


def test_a_finished_tap_is_not_probed_again_and_gives_the_same(tmp_path: Path) -> None:
    features = write(tmp_path / "f.npz", (1.0, 1.0))
    first = rows(features, features, tmp_path)
    (tmp_path / "these/01.mlp.npz").unlink()
    before = (tmp_path / "these/00.mlp.npz").stat().st_mtime_ns
    pd.testing.assert_frame_equal(rows(features, features, tmp_path), first)
    assert (tmp_path / "these/00.mlp.npz").stat().st_mtime_ns == before
    # the same features
    assert first["cka"].tolist() == pytest.approx([1, 1])
    assert set(first["difference"]) == {0.0}
    assert set(first["p_holm"]) == {1.0}


def test_features_of_other_videos_or_taps_are_refused(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1.npz", (1.0,)), write(tmp_path / "2.npz", (1.0, 1.0))
    with pytest.raises(UserError, match="not of the same videos and taps, so they cannot be"):
        probed(one, two, SETTINGS, tmp_path / "these", "test")


def test_features_that_are_not_finite_are_refused_by_video(tmp_path: Path) -> None:
    features = write(tmp_path / "f.npz", (float("inf"),))
    with pytest.raises(UserError, match=r"Tap 00\.mlp of video 0\.mp4 holds values that are not"):
        probed(features, None, SETTINGS, tmp_path / "these", "test")
