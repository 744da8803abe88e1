"""How many clips run at once: always the same on a CPU, what fits on a GPU."""

import pytest
import torch

from signal_perception.inference import batch
from signal_perception.inference.batch import Batch, fitting
from signal_perception.pipeline.errors import UserError

MIB = 1 << 20


def test_a_cpu_takes_the_same_number_whatever_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_BATCH", "3")
    assert Batch(torch.device("cpu")).size == batch.ON_CPU


@pytest.mark.parametrize(
    ("first", "second", "free", "clips"),
    [
        # 10 MiB a clip: 80 % of 1000 MiB takes 80, of which 64 is the largest power of two
        ((1, 110), (4, 140), 1000, 64),
        # never more than helps, never none
        ((1, 110), (4, 140), 100_000, 128),
        ((1, 110), (4, 140), 5, 1),
        # no difference to be seen: all that helps
        ((1, 110), (4, 110), 1000, 128),
    ],
)
def test_two_small_batches_tell_what_fits(
    first: tuple[int, int], second: tuple[int, int], free: int, clips: int
) -> None:
    trials = tuple((count, mib * MIB) for count, mib in (first, second))
    assert fitting(trials, free * MIB) == clips  # type: ignore[arg-type]


def test_what_does_not_fit_is_halved_down_to_one() -> None:
    sizes = Batch(torch.device("cpu"))
    sizes.size = 4
    sizes.shrink()
    sizes.shrink()
    assert sizes.size == 1
    with pytest.raises(UserError, match="One clip does not fit"):
        sizes.shrink()


@pytest.mark.parametrize("text", ["0", "many", "-1", "1.5"])
def test_a_wrong_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_BATCH", text)
    with pytest.raises(UserError, match="SIGNAL_PERCEPTION_BATCH"):
        batch.asked()
