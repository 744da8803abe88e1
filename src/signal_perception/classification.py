"""Single videos through a model with weights from a file: the quickest way to see whether weights, decoding and cropping agree."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax

from signal_perception import devices, models
from signal_perception.data.decode import decode
from signal_perception.data.sampling import test_indices
from signal_perception.data.transforms import test_views
from signal_perception.evaluation import Scorer, fuse
from signal_perception.params import Params


def classify(
    params: Params, model: str, weights: Path, videos: Sequence[Path], classes: int
) -> Iterator[tuple[Path, np.ndarray | str]]:
    """For each video its class probabilities (classes,), or the verdict of decoding where there is nothing to classify."""
    entry = params.model(model)
    where = devices.device()
    network = models.build(model, classes, entry.network)
    models.load(model, network, weights)
    scorer = Scorer(network.to(where).eval(), entry.input, params.finetune.precision, where)
    for path in videos:
        decoded = decode(path, short_side=params.decode.short_side, max_frames=params.decode.max_frames)
        if not decoded.frames:
            yield path, decoded.verdict
            continue
        frames = np.stack(decoded.frames)
        sampling = entry.input
        indices = test_indices(
            sampling.sampling, len(frames), decoded.fps, sampling.frames, sampling.stride, params.views.clips
        )
        views = [
            test_views(
                frames[clip],
                sampling.sampling,
                sampling.size,
                sampling.resize or sampling.size,
                params.views.crops,
            )
            for clip in indices
        ]
        scores = fuse(scorer.logits(torch.cat(views))[None], sampling.fusion)[0]
        yield path, scores if sampling.fusion == "probabilities" else softmax(scores)
