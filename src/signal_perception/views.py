"""The clips that a model is trained and tested on, by its entry in the parameters."""

from signal_perception import paths
from signal_perception.data.batches import TestClips, TrainClips
from signal_perception.data.clips import ClipStore
from signal_perception.params import Params


def train_clips(params: Params, dataset: str, model: str) -> TrainClips:
    """Random clips of the training videos, one per video and epoch."""
    entry = params.model(model)
    return TrainClips(
        ClipStore(paths.clips(dataset, "train")),
        rule=entry.input.sampling,
        frames=entry.input.frames,
        stride=entry.input.stride,
        size=entry.input.size,
        scale=entry.recipe.crop_area,
        flip=params.datasets[dataset].flip,
        seed=params.seed,
    )


def test_clips(
    params: Params, dataset: str, model: str, *, clips: int = 1, crops: int = 1, control: str = "clip"
) -> TestClips:
    """The fixed views of the test videos; `control` is what is done to the order of the frames of every clip."""
    entry = params.model(model)
    return TestClips(
        ClipStore(paths.clips(dataset, "test")),
        rule=entry.input.sampling,
        frames=entry.input.frames,
        stride=entry.input.stride,
        size=entry.input.size,
        resize=entry.input.resize,
        clips=clips,
        crops=crops,
        control=control,
        seed=params.seed,
    )
