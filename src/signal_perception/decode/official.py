"""The split lists of HMDB51 and UCF101, as their authors distribute them.

The lists and the videos may lie anywhere below the data set's folder.
"""

import re
from collections import Counter
from pathlib import Path

from signal_perception.decode.listing import NEITHER, Listed, Places, RawFolder
from signal_perception.decode.names import shown
from signal_perception.vocabulary import SPLITS

# kind → number of classes, and per split the official numbers of training and test videos
OFFICIAL = {
    "hmdb51": (51, {1: (3570, 1530), 2: (3570, 1530), 3: (3570, 1530)}),
    "ucf101": (101, {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}),
}


def hmdb51(folder: RawFolder, split: int) -> list[Listed]:
    """The videos of <class>_test_split<split>.txt; the group is the film a clip was cut from."""
    lists = folder.lists(f"*_test_split{split}.txt")
    if not lists:
        raise folder.error(
            f"there is no <class>_test_split{split}.txt below {folder.root}; unpack the official "
            "HMDB51 lists there."
        )
    places = Places(folder)
    listed = [each for path in lists for each in _hmdb51_class(folder, places, path, split)]
    _refuse_other_counts(folder, lists[0].parent, "hmdb51", split, listed)
    return listed


def ucf101(folder: RawFolder, split: int) -> list[Listed]:
    """The videos of trainlist<split>.txt and testlist<split>.txt.

    The group is the film a clip was cut from, e.g. "v_Archery_g01".
    """
    places = Places(folder)
    listed, parent = [], folder.root
    for part in SPLITS:
        found = folder.lists(f"{part}list{split:02d}.txt")
        if not found:
            raise folder.error(
                f"there is no {part}list{split:02d}.txt below {folder.root}; unpack the official "
                "UCF101 lists there."
            )
        parent = found[0].parent
        listed += _ucf101_part(folder, places, found[0], part)
    _refuse_other_counts(folder, parent, "ucf101", split, listed)
    return listed


def _hmdb51_class(folder: RawFolder, places: Places, path: Path, split: int) -> list[Listed]:
    """The lines of one class: a video, and 1 (training), 2 (test) or 0 (neither)."""
    label = path.name.removesuffix(f"_test_split{split}.txt")
    lines = [line for line in folder.lines(path) if line.strip()]
    if not lines:
        raise folder.error(f"{path} lists no videos; unpack the official list again.")
    listed = []
    for line in lines:
        match = re.fullmatch(r"(\S+)\s+([012])", line.strip())
        if not match:
            raise folder.error(
                f"{path} has a line '{shown(line)}', but each is a video and 0, 1 or 2; unpack "
                "the official list again."
            )
        video, use = match.groups()
        folder.refuse_to_leave(str(path), video)
        title = video.rpartition(f"_{label}_")[0] or video
        part = (NEITHER, *SPLITS)[int(use)]
        identity = places.find(label, video) or f"{label}/{video}"
        listed.append(Listed(identity, label, part, title))
    return listed


def _ucf101_part(folder: RawFolder, places: Places, path: Path, part: str) -> list[Listed]:
    """The lines of one part: <class>/<video>, in training lists with the number of the class."""
    listed = []
    for line in filter(str.strip, folder.lines(path)):
        match = re.fullmatch(r"([^/\s]+)/(\S+)(\s+\d+)?", line.strip())
        if not match:
            raise folder.error(
                f"{path} has a line '{shown(line)}', but each is <class>/<video>; unpack the "
                "official list again."
            )
        label, video = match.group(1, 2)
        folder.refuse_to_leave(str(path), f"{label}/{video}")
        group = re.match(r"v_\w+?_g\d+(?=_)", video)
        identity = places.find(label, video) or f"{label}/{video}"
        listed.append(Listed(identity, label, part, group.group() if group else video))
    return listed


def _refuse_other_counts(
    folder: RawFolder, lists: Path, kind: str, split: int, listed: list[Listed]
) -> None:
    """UserError where lists of all classes name other numbers of videos than the official ones.

    Lists of fewer classes are a study of those.
    """
    classes, sizes = OFFICIAL[kind]
    counts = Counter(each.split for each in listed)
    found = tuple(counts[part] for part in SPLITS)
    if len({each.label for each in listed}) >= classes and found != sizes[split]:
        raise folder.error(
            f"the lists of split {split} in {lists} name {found[0]} train and {found[1]} test "
            f"videos, but the official ones {sizes[split][0]} and {sizes[split][1]}; unpack the "
            "official lists again."
        )
