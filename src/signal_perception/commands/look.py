"""A folder of videos looked at: its layout, classes, splits and sources, and what is odd.

Nothing is decoded; of some videos the header is read.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from signal_perception.clips.oddities import mirrored, said_of_one_class
from signal_perception.commands.forecast.counts import header
from signal_perception.decode import folders
from signal_perception.decode.catalogue import Catalogue, load_catalogue, refuse_special
from signal_perception.decode.listing import SUFFIXES, RawFolder, first_few
from signal_perception.decode.machine import file_hash
from signal_perception.decode.settings import FolderSource, OfficialSource, Source
from signal_perception.vocabulary import SPLITS

# Fewer training videos of a class than this are few; so many headers are read.
_FEW, _SAMPLE = 10, 50
# Classes of one data set that differ by so much in their numbers of videos are worth a word.
_UNEVEN = 5
# The beginning of a file's name that may stand for a subject: S01_wave_1.avi, person12-run.mp4.
_SUBJECT = re.compile(r"([A-Za-z]{1,10}\d{1,4})[_-]")
_SHARE, _SEED = 0.3, 0
_LAYOUTS = {
    "hmdb51": "the official lists of HMDB51",
    "ucf101": "the official lists of UCF101",
}


@dataclass(frozen=True)
class Look:
    """What was found.

    layout: in words. source: the entry that reads it. odd: a sentence each. flip: whether training
    clips may be mirrored. frames: fewest, median and most of the headers read; None where none was.
    """

    layout: str
    source: Source
    catalogue: Catalogue
    odd: tuple[str, ...]
    flip: bool
    frames: tuple[int, int, int] | None

    @property
    def numbers(self) -> dict[str, tuple[int, int]]:
        """Class → training videos, test videos."""
        found: dict[str, list[int]] = {name: [0, 0] for name in self.catalogue.classes}
        for video in self.catalogue.videos:
            found[self.catalogue.classes[video.label]][SPLITS.index(video.split)] += 1
        return {name: (train, test) for name, (train, test) in found.items()}


def look(name: str, folder: Path) -> Look:
    """Look at a folder; UserError where no study can be made of it, saying what to mend."""
    # before its lists are opened
    refuse_special(RawFolder(name, folder))
    layout, source = _layout(name, folder)
    catalogue = load_catalogue(name, source, folder)
    pairs = mirrored(catalogue.classes)
    frames, unreadable = _headers(catalogue)
    odd = (
        *_odd_classes(catalogue, pairs),
        *_odd_sources(catalogue, source),
        *_odd_files(catalogue, folder, source),
        *unreadable,
    )
    return Look(layout, source, catalogue, odd, not pairs, frames)


def links(folder: Path) -> list[Path]:
    """The videos below a folder that are links, and the folders that are, sorted."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_symlink() and (path.is_dir() or path.suffix.lower() in SUFFIXES)
    )


def _layout(name: str, folder: Path) -> tuple[str, Source]:
    """The layout in words, and the entry that reads it."""
    raw = RawFolder(name, folder)
    if any(folder.rglob("*_test_split1.txt")):
        return _LAYOUTS["hmdb51"], OfficialSource(kind="hmdb51", split=1)
    if any(folder.rglob("trainlist01.txt")):
        return _LAYOUTS["ucf101"], OfficialSource(kind="ucf101", split=1)
    own: dict[str, Any] = {"kind": "folder", "test_share": _SHARE, "seed": _SEED}
    if found := _manifest(raw):
        return f"the list {found}", FolderSource(manifest=found, **own)
    if folders.by_split(raw):
        tops = sorted({PurePosixPath(video).parts[0] for _, video in raw.videos(loose=False)})
        return f"folders <split>/<class> ({', '.join(tops)})", FolderSource(manifest=None, **own)
    return (
        f"folders <class>, of which {_SHARE:.0%} of the videos are drawn for the test split",
        FolderSource(manifest=None, **own),
    )


def _manifest(raw: RawFolder) -> str | None:
    """The list in the folder that names videos with labels and splits; manifest.csv first."""
    files = sorted(raw.root.glob("*.csv"), key=lambda file: (file.name != "manifest.csv", file))
    for file in files:
        columns = set((raw.lines(file) or [""])[0].replace('"', "").split(","))
        if {"label", "split"} <= columns and columns & {"path", "youtube_id"}:
            return file.name
    return None


def _odd_classes(catalogue: Catalogue, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    classes = catalogue.classes
    if len(classes) == 1:
        yield said_of_one_class(catalogue.name, classes)
    for names in _alike(classes):
        yield f"Classes {' and '.join(names)} differ by case alone; give one class one name."
    if pairs:
        named = first_few(f"{one} and {other}" for one, other in pairs)
        yield f"Classes mirror each other ({named}), so training clips are not mirrored (flip)."
    numbers = Counter(classes[video.label] for video in catalogue.split("train"))
    few = sorted(name for name in classes if numbers[name] < _FEW)
    if few:
        yield (
            f"{len(few)} of {len(classes)} classes have fewer than {_FEW} training videos "
            f"({first_few(f'{name} {numbers[name]}' for name in few)}): expect wide intervals."
        )
    if max(numbers.values()) >= _UNEVEN * min(numbers.values()):
        most, least = max(classes, key=numbers.__getitem__), min(classes, key=numbers.__getitem__)
        yield (
            f"Classes are uneven: {most} has {numbers[most]} training videos, {least} "
            f"{numbers[least]}."
        )


def _odd_sources(catalogue: Catalogue, source: Source) -> Iterator[str]:
    train, test = ({video.group for video in catalogue.split(split)} for split in SPLITS)
    if shared := sorted(train & test):
        yield (
            f"{len(shared)} sources have videos in both splits ({first_few(shared)}): accuracy "
            "may be that of sources seen before."
        )
    # every video is a source of its own where nothing says more
    if isinstance(source, FolderSource) and len(train | test) == len(catalogue.videos):
        names = [_SUBJECT.match(PurePosixPath(video.id).name) for video in catalogue.videos]
        subjects = Counter(name[1] for name in names if name)
        several = [name for name, times in subjects.items() if times > 1]
        if sum(subjects.values()) == len(names) and len(several) > 1:
            yield (
                f"File names begin alike ({first_few(sorted(several))}): if these are subjects or "
                "titles, write a manifest.csv (path, label, split, group) that keeps each in one "
                "split, since intervals are over sources."
            )


def _odd_files(catalogue: Catalogue, folder: Path, source: Source) -> Iterator[str]:
    ids = [video.id for video in catalogue.videos]
    for names in _alike(ids):
        yield f"{' and '.join(names)} differ by case alone; some disks keep one of them."
    for one, other in _same(catalogue):
        yield f"{one} (train) and {other} (test) are the same file; keep one."
    missing = [video.id for video in catalogue.videos if not video.path.is_file()]
    if missing:
        yield f"{len(missing)} listed videos are not there: {first_few(missing)}."
    if catalogue.unlisted:
        yield f"{len(catalogue.unlisted)} videos are on no list: {first_few(catalogue.unlisted)}."
    if any(len(PurePosixPath(video).parts) > 3 for video in ids):
        yield "Some videos lie deeper than <class>/<video>; check that the classes are right."
    loose = [path.name for path in sorted(folder.iterdir()) if _is_video(path)]
    if loose and not {*loose} & {*ids}:
        yield f"{len(loose)} videos lie in no class folder and are left out: {first_few(loose)}."
    lists = {source.manifest} if isinstance(source, FolderSource) else set()
    others = Counter(
        path.suffix.lower() or path.name
        for path in folder.rglob("[!.]*")
        if path.is_file() and not _is_video(path) and path.name not in lists
    )
    if others and isinstance(source, FolderSource):
        named = first_few(f"{times} × {suffix}" for suffix, times in others.most_common())
        yield f"Files that are no videos are left alone: {named}."


def _is_video(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES


def _alike(names: Iterable[str]) -> Iterator[list[str]]:
    """Names that are equal but for case."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[name.casefold()].append(name)
    return (sorted(each) for each in found.values() if len(each) > 1)


def _same(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Training and test videos whose files have the same content, found by size first."""
    by_size: dict[int, list] = defaultdict(list)
    for video in catalogue.videos:
        if video.path.is_file():
            by_size[video.path.stat().st_size].append(video)
    for videos in by_size.values():
        if len({video.split for video in videos}) < 2:
            continue
        training: dict[str, str] = {}
        for video in sorted(videos, key=lambda each: each.split != "train"):
            digest = file_hash(video.path)
            if video.split == "train":
                training[digest] = video.id
            elif digest in training:
                yield training[digest], video.id


def _headers(catalogue: Catalogue) -> tuple[tuple[int, int, int] | None, list[str]]:
    """Frames that the headers of some videos announce; a sentence about those without."""
    present = [video for video in catalogue.videos if video.path.is_file()]
    chosen = present[:: max(1, len(present) // _SAMPLE)]
    found = {video.id: header(video.path) for video in chosen}
    frames = sorted(round(each[0]) for each in found.values() if each)
    bad = [name for name, each in found.items() if each is None]
    said = []
    if bad:
        said.append(
            f"{len(bad)} of {len(chosen)} videos that were looked at do not open, or do not say "
            f"how long they are: {first_few(bad)}."
        )
    return (frames[0], frames[len(frames) // 2], frames[-1]) if frames else None, said
