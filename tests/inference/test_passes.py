"""One pass gives what a plain forward pass gives, for each clip alone, in any company."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import nn

from signal_perception.clips.datasets import TestClips
from signal_perception.clips.datasets import test_clips as clips_of
from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.inference.blocks import Videos, blocks
from signal_perception.inference.passes import LOGITS, Clip, Pass
from signal_perception.inference.rows import Rows
from signal_perception.inference.scorer import Scorer
from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from signal_perception.vocabulary import INPUT
from tests.support import tiny_model
from tests.support.clips import make_store

NAMES = ("clip", "static", "shuffled")
CLIPS = 2


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> TestClips:
    store = make_store(tmp_path_factory.mktemp("clips") / "test.zarr", range(7))
    return clips_of(store.path, Input.model_validate(tiny_model.INPUT), seed=0, clips=CLIPS)


@pytest.fixture
def scorer() -> Scorer:
    return tiny_model.scorer()


def _videos(start: int, stop: int) -> Videos:
    return Videos(tuple(range(start, stop)))


def _logits(
    scorer: Scorer, shown: TestClips, parts: Sequence[Videos], names: Sequence[str] = NAMES
) -> dict[int, np.ndarray]:
    """First video of each block → its logits (inputs, rows, classes), in the order of finishing."""
    sink = Rows([LOGITS], lambda _name, values: values)
    found: dict[int, np.ndarray] = {}

    def done(block: Videos) -> None:
        found[block.numbers[0]] = sink.take(block, len(names), CLIPS)

    Pass(scorer, shown, names).run(parts, [], [sink], done)
    return found


def test_every_clip_gives_what_it_gives_alone(scorer: Scorer, shown: TestClips) -> None:
    found = _logits(scorer, shown, [_videos(0, 3), _videos(3, 7)])
    assert list(found) == [0, 3]
    for number, name in enumerate(NAMES):
        for video in range(7):
            views = shown.inputs(video, NAMES)[name]
            pixels = normalise(views, scorer.input.mean, scorer.input.std)
            with torch.inference_mode():
                expected = scorer.model(pixels).numpy()
            block = 0 if video < 3 else 3
            rows = slice(CLIPS * (video - block), CLIPS * (video - block + 1))
            assert np.abs(found[block][number, rows] - expected).max() < 1e-5


def test_bits_of_a_clip_do_not_depend_on_its_company(
    scorer: Scorer, shown: TestClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = _logits(scorer, shown, [_videos(0, 7)])[0]
    alone = _logits(scorer, shown, [_videos(video, video + 1) for video in range(7)])
    assert np.array_equal(every, np.concatenate(list(alone.values()), axis=1))
    clip = _logits(scorer, shown, [_videos(4, 6)], names=("clip",))[4]
    assert np.array_equal(clip[0], every[0, 8:12])
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "3")
    monkeypatch.setenv("SIGNAL_PERCEPTION_BATCH", "5")
    assert np.array_equal(_logits(tiny_model.scorer(), shown, [_videos(0, 7)])[0], every)


def test_a_batch_that_does_not_fit_runs_in_halves(scorer: Scorer, shown: TestClips) -> None:
    expected = _logits(scorer, shown, [_videos(0, 7)])[0]
    tight = Scorer(_Tight(scorer.model, 4), scorer.input, "float32", scorer.where)
    assert np.abs(_logits(tight, shown, [_videos(0, 7)])[0] - expected).max() < 1e-5
    assert tight.batch.size == 4


def test_sinks_hear_the_taps_of_the_batch(scorer: Scorer, shown: TestClips) -> None:
    taps = [tap for tap in registry.taps(tiny_model.MODEL, scorer.model) if tap.side == "stream"]
    listener = _Listener()
    Pass(scorer, shown, ["clip"]).run([_videos(2, 3)], taps, [listener], lambda _block: None)
    pixels = normalise(shown[2][0], scorer.input.mean, scorer.input.std)
    with torch.inference_mode(), capture(scorer.model, taps) as record:
        logits = scorer.model(pixels)
    assert list(listener.heard) == [INPUT, *(tap.name for tap in taps), LOGITS]
    expected = {INPUT: pixels.movedim(1, -1), **record, LOGITS: logits}
    for name, values in listener.heard.items():
        torch.testing.assert_close(values, expected[name], rtol=0, atol=1e-5)


def test_an_error_of_a_writer_ends_the_pass_and_keeps_what_was_finished(
    scorer: Scorer, shown: TestClips
) -> None:
    finished = []

    def done(block: Videos) -> None:
        if block.numbers[0] >= 4:
            raise OSError("the disk is full")
        finished.append(block)

    parts = [_videos(start, start + 1) for start in range(7)]
    with pytest.raises(OSError, match="full"):
        Pass(scorer, shown, NAMES).run(parts, [], [Rows([LOGITS], lambda _n, v: v)], done)
    assert finished == parts[:4]


def test_an_error_of_a_reader_ends_the_pass(
    scorer: Scorer, shown: TestClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(self: TestClips, video: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
        raise ValueError("damaged")

    monkeypatch.setattr(TestClips, "inputs", read)
    with pytest.raises(ValueError, match="damaged"):
        _logits(scorer, shown, [_videos(0, 7)])


def test_blocks_cover_all_videos_in_order() -> None:
    numbers = range(5, 75)
    parts = blocks(numbers)
    assert [len(part.numbers) for part in parts] == [32, 32, 6]
    assert [number for part in parts for number in part.numbers] == list(numbers)
    assert [part.name for part in parts] == ["000005", "000037", "000069"]


class _Tight(nn.Module):
    """A model on a device that holds so many clips."""

    def __init__(self, model: nn.Module, most: int):
        super().__init__()
        self._model, self._most = model, most

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        if len(clips) > self._most:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return self._model(clips)


class _Listener:
    """A sink that keeps all that one batch says."""

    def __init__(self) -> None:
        self.heard: dict[str, torch.Tensor] = {}
        self._count = 0

    def hears(self, name: str) -> bool:
        return True

    def begin(self, clips: Sequence[Clip]) -> None:
        self._count = len(clips)

    def hear(self, name: str, values: torch.Tensor) -> None:
        self.heard[name] = values[: self._count].clone()

    def end(self) -> Callable[[], object]:
        return lambda: None
