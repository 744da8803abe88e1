"""How many videos and frames a data set has, found without decoding any.

From its table of verdicts, from a look at its raw files, from what its authors say, or, of the
synthetic one, from the parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.error import FFmpegError

from signal_perception.decode import table
from signal_perception.decode.catalogue import Video, load_catalogue
from signal_perception.decode.official import OFFICIAL
from signal_perception.decode.packets import open_video
from signal_perception.decode.settings import RAW, Decode, OfficialSource, Source
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Params
from signal_perception.synthesise.settings import SyntheticSource
from signal_perception.synthesise.videos import CLASSES
from signal_perception.vocabulary import REFUSED, SPLITS, UNLISTED

# Of the official data sets, by kind: mean frames of a video, height, width (README, "Videos").
_OFFICIAL = {"hmdb51": (72, 240, 360), "ucf101": (187, 240, 320)}
# Raw files whose headers are read.
_SAMPLE = 24


@dataclass(frozen=True)
class Counts:
    """A data set: videos of each split, classes, mean frames of a video, pixels of a frame.

    height, width: as they are stored, after shrinking. read: pixels of a frame before it. source:
    where this is from, in words.
    """

    train: int
    test: int
    classes: int
    frames: float
    height: float
    width: float
    read: float
    source: str

    @property
    def videos(self) -> int:
        return self.train + self.test

    def scaled(self, share: float) -> "Counts":
        """The same with another number of videos."""
        return replace(self, train=round(self.train * share), test=round(self.test * share))


def counts(params: Params, dataset: str, root: Path = Path()) -> Counts:
    """The counts of a data set as the parameters have it; UserError where nothing is known."""
    source: Source = params.datasets[dataset].source
    decode: Decode = params.decode
    if isinstance(source, SyntheticSource):
        per = len(CLASSES)
        sizes = (source.train_per_class * per, source.test_per_class * per)
        return _counts(sizes, per, source.frames, (source.size, source.size), decode, "params.yaml")
    folder = root / RAW / dataset
    if not folder.is_dir():
        return _official(source, decode, folder)
    found = load_catalogue(dataset, source, folder)
    sizes = (len(found.split("train")), len(found.split("test")))
    known = decoded(root, dataset, decode)
    if known is not None and (known.train, known.test) == sizes:
        return known
    frames, shape = _looked_at(found.videos)
    return _counts(sizes, len(found.classes), frames, shape, decode, f"a look at {folder}")


def decoded(root: Path, dataset: str, decode: Decode) -> Counts | None:
    """The counts that the table of verdicts has; None where there is none."""
    path = root / "reports/decode" / f"{dataset}.csv"
    if not path.is_file():
        return None
    rows = table.read(path)
    rows = rows.loc[rows["verdict"] != UNLISTED, :]
    usable = rows.loc[~rows["verdict"].str.startswith(REFUSED), :]
    if usable.empty:
        return None
    train, test = (int((rows["split"] == split).sum()) for split in SPLITS)
    shape = (float(usable["height"].mean()), float(usable["width"].mean()))
    frames, classes = float(usable["decoded"].mean()), len(table.classes(rows))
    return _counts((train, test), classes, frames, shape, decode, str(path.relative_to(root)))


def _official(source: Source, decode: Decode, folder: Path) -> Counts:
    if not isinstance(source, OfficialSource):
        raise UserError(
            f"{folder} is not there, so nothing is known of its videos; link or copy their folder "
            "there."
        )
    classes, sizes = OFFICIAL[source.kind]
    frames, *shape = _OFFICIAL[source.kind]
    said = "the official numbers"
    return _counts(sizes[source.split], classes, frames, (shape[0], shape[1]), decode, said)


def _counts(
    sizes: tuple[int, int],
    classes: int,
    frames: float,
    shape: tuple[float, float],
    decode: Decode,
    source: str,
) -> Counts:
    shrink = min(1.0, decode.short_side / min(shape))
    height, width = (side * shrink for side in shape)
    frames = min(frames, decode.max_frames)
    return Counts(*sizes, classes, frames, height, width, shape[0] * shape[1], source)


def _looked_at(videos: Sequence[Video]) -> tuple[float, tuple[float, float]]:
    """Mean frames, height and width that the headers of some videos announce."""
    step = max(1, len(videos) // _SAMPLE)
    found = [each for video in videos[::step] if (each := header(video.path))]
    if not found:
        raise UserError("None of the videos that were looked at can be opened; mend them.")
    frames, height, width = (sum(each) / len(found) for each in zip(*found, strict=True))
    return frames, (height, width)


def header(path: Path) -> tuple[float, float, float] | None:
    """Frames, height and width; None where the header does not say them or cannot be read."""
    try:
        with open_video(path) as container:
            stream = container.streams.video[0]
            frames = float(stream.frames)
            if not frames and container.duration and stream.average_rate:
                frames = container.duration / av.time_base * float(stream.average_rate)
            return (frames, stream.height, stream.width) if frames > 0 else None
    # whatever a damaged file raises, another one is looked at
    except (FFmpegError, OSError, IndexError, ValueError):
        return None
