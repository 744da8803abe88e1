"""Which videos a data set has, their classes, and who is in which split.

Lists decide: a listed video that is not on disk stays in the catalogue, for decoding to refuse and
count; a video on disk that no list names is kept apart. No list and no link can lead out of the
data set's folder, and what no one should read, or no table could name, is refused here, before any
work.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from signal_perception.decode import folders, official
from signal_perception.decode.listing import (
    NEITHER,
    SUFFIXES,
    Listed,
    RawFolder,
    first_few,
    is_video,
)
from signal_perception.decode.names import (
    fault_of_label,
    fault_of_path,
    refuse_one_name_in_two_forms,
    shown,
)
from signal_perception.decode.settings import FolderSource, Source
from signal_perception.decode.special import special
from signal_perception.synthesise.settings import MANIFEST, SyntheticSource
from signal_perception.vocabulary import SPLITS


@dataclass(frozen=True)
class Video:
    """One video of a data set.

    id: posix path relative to the data set's folder. label: place of its class among the sorted
    names. group: the source it was cut from (for bootstrap clusters).
    """

    id: str
    path: Path
    label: int
    split: str
    group: str


@dataclass(frozen=True)
class Catalogue:
    """A data set: what its lists say.

    classes: sorted names. videos: of both splits, sorted by id. unlisted: ids of the videos on disk
    that no list mentions.
    """

    name: str
    classes: tuple[str, ...]
    videos: tuple[Video, ...]
    unlisted: tuple[str, ...] = ()

    def split(self, name: str) -> tuple[Video, ...]:
        """The videos of "train" or "test", sorted by id."""
        return tuple(video for video in self.videos if video.split == name)


def load_catalogue(dataset: str, source: Source, folder: Path) -> Catalogue:
    """The catalogue of a data set whose raw files lie in `folder`; UserError for a wrong list."""
    raw = RawFolder(dataset, folder)
    if not folder.is_dir():
        raise raw.error(
            f"there is no folder {folder}; copy the videos there, or link their folder there."
        )
    try:
        return _load(raw, source)
    except OSError as error:
        raise raw.error(
            f"{shown(error.filename or folder)} could not be read: {error.strerror or error}; mend "
            "that and run again."
        ) from None


def refuse_special(raw: RawFolder) -> None:
    """UserError where a pipe, a device or the like lies in the folder: reading it may never end."""
    if found := special(raw.root):
        named = first_few(f"{path} ({why})" for path, why in found)
        raise raw.error(f"what no one should read lies in its folder: {named}; take it out.")


def _load(raw: RawFolder, source: Source) -> Catalogue:
    refuse_special(raw)
    if isinstance(source, FolderSource) and source.manifest is None:
        listed = folders.by_split(raw) or folders.drawn(raw, source.test_share, source.seed)
        return _checked(raw, listed, ())
    listed = _by_list(raw, source)
    unlisted = {video for _, video in raw.videos()} - {each.id for each in listed}
    return _checked(raw, listed, tuple(sorted(unlisted)))


def _by_list(raw: RawFolder, source: Source) -> list[Listed]:
    """The videos of a data set that has lists."""
    if isinstance(source, SyntheticSource):
        return folders.manifest(raw, MANIFEST)
    if isinstance(source, FolderSource):
        assert source.manifest is not None
        return folders.manifest(raw, source.manifest)
    read = {"hmdb51": official.hmdb51, "ucf101": official.ucf101}[source.kind]
    return read(raw, source.split)


def _checked(raw: RawFolder, listed: list[Listed], unlisted: tuple[str, ...]) -> Catalogue:
    _refuse_odd_names(raw, listed, unlisted)
    classes = tuple(sorted({each.label for each in listed}))
    listed = [each for each in listed if each.split != NEITHER]
    _refuse_empty_classes(raw, classes, listed)
    _refuse_repeats(raw, listed)
    present = {each.id for each in listed if (raw.root / each.id).is_file()}
    _refuse_links_out(raw, present)
    _refuse_classes_without_files(raw, classes, listed, present)
    videos = (
        Video(each.id, raw.root / each.id, classes.index(each.label), each.split, each.group)
        for each in listed
    )
    return Catalogue(raw.name, classes, tuple(sorted(videos, key=lambda video: video.id)), unlisted)


def _refuse_empty_classes(raw: RawFolder, classes: Collection[str], listed: list[Listed]) -> None:
    for part in SPLITS:
        empty = sorted(set(classes) - {each.label for each in listed if each.split == part})
        if empty:
            raise raw.error(
                f"no {part} video of {first_few(empty)} is listed; every class needs at least one "
                "train and one test video."
            )


def _refuse_repeats(raw: RawFolder, listed: list[Listed]) -> None:
    counts = Counter(each.id for each in listed)
    repeated = sorted(video for video, times in counts.items() if times > 1)
    if repeated:
        raise raw.error(f"listed more than once: {first_few(repeated)}; leave one line of each.")


def _refuse_odd_names(raw: RawFolder, listed: list[Listed], unlisted: Collection[str]) -> None:
    """UserError for a name that a table, a line or a file system would not keep as it is."""
    ids = [each.id for each in listed]
    names = [("video", fault_of_path, name) for name in (*ids, *unlisted)]
    names += [("class", fault_of_label, name) for name in sorted({each.label for each in listed})]
    names += [("source", fault_of_label, each.group) for each in listed if each.group != each.id]
    for what, fault, name in names:
        if why := fault(name):
            raise raw.error(f"the {what} '{shown(name)}' has no name to work with: {why}.")
    for name in ids:
        if not is_video(name):
            raise raw.error(
                f"{name} is listed and is no video by its name; videos end in "
                f"{', '.join(SUFFIXES)}, so rename it or take it off the list."
            )
    refuse_one_name_in_two_forms((each.label for each in listed), f"Data set {raw.name}: classes")
    refuse_one_name_in_two_forms((*ids, *unlisted), f"Data set {raw.name}: videos")


def _refuse_links_out(raw: RawFolder, present: Collection[str]) -> None:
    for video in sorted(present):
        raw.refuse_to_lead_out(raw.root / video)


def _refuse_classes_without_files(
    raw: RawFolder, classes: Collection[str], listed: list[Listed], present: Collection[str]
) -> None:
    missing = sorted(each.id for each in listed if each.id not in present)
    for part in SPLITS:
        left = {each.label for each in listed if each.split == part and each.id in present}
        gone = sorted(set(classes) - left)
        if gone:
            raise raw.error(
                f"{len(missing)} of {len(listed)} listed videos are not in {raw.root}: "
                f"{first_few(missing)}; that leaves no {part} video of {first_few(gone)}, so put "
                "them there or take them off the list."
            )
