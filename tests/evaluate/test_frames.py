"""New, repeated and looped frames of the test clips, counted for every video."""

from pathlib import Path

import numpy as np
import pytest

from signal_perception.clips.settings import Input
from signal_perception.evaluate.frames import frames, summary
from tests.support.clips import make_store


def _input(sampling: str, frames: int, stride: int) -> Input:
    values = {"frames": frames, "stride": stride, "size": 16, "fusion": "logits"}
    return Input.model_validate({"sampling": sampling, **values})


@pytest.mark.parametrize(
    ("input", "distinct", "repeated", "looped", "seconds"),
    [
        # videos of 30 frames at 15 per second
        (_input("mmaction", 8, 2), 8, 0, 0, 2 / 15),
        # 0, 8, 16, 24, then again 2, 10, 18, 26
        (_input("mmaction", 8, 8), 8, 0, 4, 8 / 15),
        # 0, 8, 16, 24 and the last of them four times more
        (_input("videomae", 8, 8), 4, 4, 0, 8 / 15),
    ],
)
def test_counts_of_short_videos(
    input: Input,
    distinct: float,
    repeated: float,
    looped: float,
    seconds: float,
    tmp_path: Path,
) -> None:
    store = make_store(tmp_path / "test.zarr", range(3))
    table = frames(store, input, clips=1)
    assert len(table) == 3
    assert np.allclose(table, [[distinct, repeated, looped, seconds]] * 3)
    found = summary(table, input, clips=1)
    assert found["distinct"] == distinct
    assert (found["repeated"], found["looped"]) == (100 * (repeated > 0), 100 * (looped > 0))
    assert found["seconds"] == pytest.approx(seconds)
