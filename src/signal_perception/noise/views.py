"""On which views of the test videos noise is scored, and what the clean model says of them.

They are those of the stage evaluate, or the middle one alone. Its clean scores come from the same
logits, so no clip is scored without noise a second time.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signal_perception.clips.datasets import TestClips, test_clips
from signal_perception.clips.sampling import centre_view
from signal_perception.clips.views import views_of
from signal_perception.evaluate import predictions
from signal_perception.noise.settings import Settings


def shown(settings: Settings, clips: Path) -> TestClips:
    """The views of the videos in a clip store on which cells are scored."""
    input = settings.model.input
    views = views_of(settings.views, settings.model.protocol)
    return test_clips(
        clips,
        input,
        seed=settings.seed,
        clips=views.clips,
        crops=views.crops,
        view=_only(settings),
    )


def clean(settings: Settings, path: Path, videos: Sequence[str]) -> NDArray[np.float32]:
    """Scores of the clean model on these views (n, classes), from the predictions of the model.

    videos: ids of all test videos, in order. With all views they are those of Table 1, to the bit.
    """
    view = _only(settings)
    if view is None:
        return predictions.read(path, videos=videos).scores
    return predictions.of_views(path, [view], settings.model.input.fusion, videos=videos).scores


def _only(settings: Settings) -> int | None:
    """Number of the view, where one alone is scored."""
    if settings.noise.views == "all":
        return None
    views = views_of(settings.views, settings.model.protocol)
    return centre_view(settings.model.input.sampling, views.clips, views.crops)
