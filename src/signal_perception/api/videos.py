"""Videos through a model: decoded, sampled and cropped as in the study."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from signal_perception.api.model import LoadedModel, Reading
from signal_perception.clips.sampling import test_indices
from signal_perception.clips.settings import Input, Views
from signal_perception.clips.transforms import test_views
from signal_perception.decode.listing import SUFFIXES
from signal_perception.decode.video import Decoded, decode
from signal_perception.inference import fusion
from signal_perception.inference.batch import ON_CPU
from signal_perception.pipeline.errors import UserError


@dataclass(frozen=True)
class Prediction:
    """What a model says of one video.

    verdict: of decoding, "ok", "short", "repeated frames" or "refused: <reason>".
    probabilities: of the classes, float64 (classes,), from the fused scores of all views; None
    where the video was refused. best: the most probable classes with their probabilities.
    """

    video: Path
    verdict: str
    probabilities: NDArray[np.float64] | None
    best: tuple[tuple[str, float], ...]

    @property
    def refused(self) -> bool:
        return self.probabilities is None


def predict(
    model: LoadedModel, videos: Path | str | Iterable[Path | str], top: int = 5
) -> Iterator[Prediction]:
    """The `top` most probable classes of each video, one after the other.

    videos: files, and folders, of which every video is taken. A video that cannot be decoded is
    answered, too: its prediction says why. UserError where the machine cannot read one.
    """
    for path in listed([videos] if isinstance(videos, Path | str) else videos):
        decoded = _decoded(path, model.reading)
        if not decoded.frames:
            yield Prediction(path, decoded.verdict, None, ())
            continue
        views = _views(decoded, model.input, model.reading.views)
        if model.scorer.where.type == "cpu":
            # no zeros are computed beside them; last bits may differ from those of the study
            model.scorer.batch.size = min(len(views), ON_CPU)
        scores = fusion.fuse(model.scorer.logits(views)[None], model.input.fusion)
        found = fusion.probabilities(scores)[0]
        best = np.argsort(-found, kind="stable")[:top]
        named = tuple((model.classes[index], float(found[index])) for index in best)
        yield Prediction(path, decoded.verdict, found, named)


def read_clips(model: LoadedModel, video: Path | str, views: Views | None = None) -> torch.Tensor:
    """The clips of a video as a model is shown them: uint8 (views t s s c).

    views: clips and crops; None: those of the study. UserError where the video is refused.
    """
    decoded = _decoded(Path(video), model.reading)
    if not decoded.frames:
        raise UserError(f"Video {video} was {decoded.verdict}; give another one.")
    return _views(decoded, model.input, views or model.reading.views)


def listed(videos: Iterable[Path | str]) -> list[Path]:
    """The files among `videos`, and every video below the folders, sorted, hidden ones left out.

    UserError where a folder has none, or where nothing is named.
    """
    found: list[Path] = []
    for path in map(Path, videos):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            file
            for file in path.rglob("[!.]*")
            if file.suffix.lower() in SUFFIXES and file.is_file()
        )
        if not inside:
            raise UserError(
                f"There are no videos in the folder {path} (files ending in {', '.join(SUFFIXES)})"
                "; name another one."
            )
        found += inside
    if not found:
        raise UserError("No video is named; name files or folders.")
    return list(dict.fromkeys(found))


def _decoded(path: Path, reading: Reading) -> Decoded:
    return decode(path, short_side=reading.short_side, max_frames=reading.max_frames)


def _views(decoded: Decoded, input: Input, views: Views) -> torch.Tensor:
    """The test views of one video, uint8 (views t s s c)."""
    frames = np.stack(decoded.frames)
    clips = test_indices(
        input.sampling, len(frames), decoded.fps, input.frames, input.stride, views.clips
    )
    short = input.resize or input.size
    return torch.cat(
        [
            test_views(frames[indices], input.sampling, input.size, short, views.crops)
            for indices in clips
        ]
    )
