"""Our engine against a naive script that loads the model and decodes the videos for every cell."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import decord
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import noise, timing
from benchmarks.look_alike import encode
from benchmarks.stores import stored
from signal_perception.clips.datasets import test_clips
from signal_perception.clips.settings import Input
from signal_perception.clips.transforms import normalise
from signal_perception.models.core import checkpoints, registry
from signal_perception.synthesise import videos

# Videos, and cells of the script.
_VIDEOS, _CELLS = 16, 4


def measure(rounds: int = 2) -> Iterator[str]:
    """One line."""
    with noise.one_thread(), tempfile.TemporaryDirectory() as folder:
        yield _compared(Path(folder), rounds)


def _compared(folder: Path, rounds: int) -> str:
    """Seconds of a cell: ours over all cells of the poster, theirs over a few."""
    paths = _written(folder / "raw")
    weights = folder / "weights.safetensors"
    checkpoints.save(noise.tiny_network(), weights)
    store = stored(folder / "store", paths)
    taken = Input.model_validate(noise.INPUT | {"fusion": "logits"})
    items = [
        item for item in noise.units_of(noise.scorer_of(noise.tiny_network())) if item.repeat == 0
    ]

    def ours() -> None:
        scorer = noise.scorer_of(_loaded(weights))
        clips = test_clips(store.path, taken, seed=0)
        noise.scores_of(noise.engine_of(scorer, clips, _VIDEOS, folder), items, folder)

    def theirs() -> None:
        for number in range(_CELLS):
            _naive_cell(paths, weights, number)

    seconds = timing.paired({"ours": ours, "theirs": theirs}, rounds)
    more = len(items) / _CELLS
    ratios = [
        [more * each for each in of(seconds, "theirs", "ours")]
        for of in (timing.walls, timing.cpus)
    ]
    decoding = timing.once(lambda: _decoded(paths))
    cell = timing.once(lambda: _naive_cell(paths, weights, 0))
    return (
        f"naive script over ours, a cell of {len(items)} on {_VIDEOS} videos of 320×240: "
        f"{timing.spread(ratios[0])}, in core time {timing.spread(ratios[1])} (wanted ≥ 6); of its "
        f"{cell:.2f} s decoding takes {decoding:.2f}"
    )


def _naive_cell(paths: Sequence[Path], weights: Path, seed: int) -> torch.Tensor:
    """What a first script does: load, decode, add noise to the weights, run."""
    model, source = _loaded(weights), torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        for block in model.get_submodule("blocks").children():
            weight = block.get_submodule("spatial_attn.attn.qkv").get_parameter("weight")
            mask = torch.rand(weight.shape, generator=source) < 0.45
            weight += 0.2 * mask * torch.randn(weight.shape, generator=source)
        return model(normalise(_decoded(paths), (0.45,) * 3, (0.225,) * 3))


def _decoded(paths: Sequence[Path]) -> torch.Tensor:
    """A clip of every video, uint8 (n t s s c): short side and centre crop of the model's size."""
    side, clips = noise.INPUT["size"], []
    for path in paths:
        reader = decord.VideoReader(str(path), num_threads=1)
        indices = np.linspace(0, len(reader) - 1, noise.INPUT["frames"]).round().astype(int)
        frames = torch.from_numpy(reader.get_batch(list(indices)).asnumpy())
        height, width = frames.shape[1:3]
        small = (side, round(width * side / height))
        resized = F.interpolate(frames.permute(0, 3, 1, 2).float(), small, mode="bilinear")
        left = (small[1] - side) // 2
        clips.append(resized[..., left : left + side].byte().permute(0, 2, 3, 1))
    return torch.stack(clips)


def _written(folder: Path) -> list[Path]:
    """Synthetic videos of 80 frames of 320×240, encoded as HMDB51 is."""
    folder.mkdir()
    paths = [folder / f"{number:02d}.avi" for number in range(_VIDEOS)]
    for number, path in enumerate(paths):
        label = videos.CLASSES[number % len(videos.CLASSES)]
        frames = videos.render(label, number, "test", frames=80, size=320)
        encode(path, frames[:, 40:-40])
    return paths


def _loaded(weights: Path) -> nn.Module:
    model = registry.build(noise.MODEL, noise.CLASSES, noise.NETWORK)
    registry.load(noise.MODEL, model, weights)
    return model.eval()
