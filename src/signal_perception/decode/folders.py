"""Data sets of one's own: a folder of videos with a manifest, or without one.

Without one the split is that of its folders, or is drawn.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from signal_perception.decode.listing import NEITHER, SUFFIXES, Listed, Places, RawFolder
from signal_perception.decode.names import shown
from signal_perception.seeding import generator
from signal_perception.vocabulary import SPLITS

# Names of a folder that holds a split.
_TRAINING, _TEST, _VALIDATION = {"train", "training"}, {"test", "testing"}, {"val", "validation"}


def manifest(folder: RawFolder, name: str) -> list[Listed]:
    """The videos of a CSV file in the data set's folder.

    Its columns are path, label, split (train or test) and perhaps group or subject; or, as Kinetics
    has it, label, youtube_id, split and perhaps time_start and time_end. The videos of the latter
    lie anywhere below the folder. A video without a group is a group of its own.
    """
    folder.refuse_to_leave("manifest", name)
    path = folder.root / name
    if not path.is_file():
        raise folder.error(
            f"there is no manifest {path}; write it, or set manifest to null for a split by "
            "folders."
        )
    columns, lines = _table(folder, path)
    if "youtube_id" in columns and "path" not in columns:
        return _kinetics(folder, path, lines)
    lacking = [column for column in ("path", "label", "split") if column not in columns]
    if lacking:
        raise folder.error(
            f"{path} lacks the columns {', '.join(lacking)}; it has "
            f"{shown(', '.join(columns)) or 'none'}, so add them."
        )
    group = next((column for column in ("group", "subject") if column in columns), None)
    listed = [
        _line(folder, f"{path}, line {number}", line, line[group] if group else "")
        for number, line in lines
    ]
    if not listed:
        raise folder.error(f"{path} lists no videos; add a line for each.")
    return listed


def by_split(folder: RawFolder) -> list[Listed]:
    """The videos of folders <split>/<class>: train and test, and perhaps val.

    val is the test split where no other is, else neither. Empty where a video lies elsewhere, or a
    split is missing: then the folders at the top are classes.
    """
    parts = [(PurePosixPath(video).parts, video) for _, video in folder.videos(loose=False)]
    tops = {path[0].lower() for path, _ in parts}
    if not tops & _TRAINING or not tops - _TRAINING or any(len(path) < 3 for path, _ in parts):
        return []
    if not tops <= _TRAINING | _TEST | _VALIDATION:
        return []
    uses = dict.fromkeys(_TRAINING, "train") | dict.fromkeys(_TEST, "test")
    uses |= dict.fromkeys(_VALIDATION, NEITHER if tops & _TEST else "test")
    return [Listed(video, path[1], uses[path[0].lower()], video) for path, video in parts]


def drawn(folder: RawFolder, test_share: float, seed: int) -> list[Listed]:
    """All videos in class folders, `test_share` of each class drawn for the test split.

    A class's draw depends on the seed, the data set's name and the class alone.
    """
    by_class: dict[str, list[str]] = {}
    for _, video in folder.videos(loose=False):
        by_class.setdefault(PurePosixPath(video).parts[0], []).append(video)
    if not by_class:
        raise folder.error(
            f"there are no videos in {folder.root}; put them there as <class>/<video>, the name "
            f"ending in one of {', '.join(SUFFIXES)}."
        )
    listed = []
    for label, videos in sorted(by_class.items()):
        if len(videos) < 2:
            raise folder.error(
                f"{videos[0]} is the only video of class {label}, but a split needs at least two; "
                "add one or remove the class."
            )
        held_out = min(max(round(test_share * len(videos)), 1), len(videos) - 1)
        order = generator(seed, "split", folder.name, label).permutation(len(videos))
        test = {sorted(videos)[i] for i in order[:held_out]}
        listed += [
            Listed(video, label, "test" if video in test else "train", video) for video in videos
        ]
    return listed


def _table(folder: RawFolder, path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns of a CSV file, and its lines with their numbers: column → text, "" where none.

    UserError where the columns or the cells of a line are not plain.
    """
    try:
        rows = list(_rows(folder, path))
    except csv.Error as error:
        raise folder.error(f"{path} is no CSV: {error}; mend it.") from None
    columns = rows[0][1] if rows else []
    twice = [name for name, times in Counter(filter(None, columns)).items() if times > 1]
    if twice:
        raise folder.error(f"{path} has the column {shown(twice[0])} twice; leave one.")
    for number, cells in rows[1:]:
        if any(cells[len(columns) :]):
            raise folder.error(
                f"{path}, line {number}: it has {len(cells)} cells and the file {len(columns)} "
                'columns; write " around a cell with a comma.'
            )
    padding = [""] * len(columns)
    return columns, [
        (number, dict(zip(columns, (*cells, *padding), strict=False))) for number, cells in rows[1:]
    ]


def _rows(folder: RawFolder, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file that are not empty, as cells, with the number of their last line."""
    reader = csv.reader(io.StringIO(folder.text(path)), strict=True)
    for cells in reader:
        if cells:
            yield reader.line_num, cells


def _line(folder: RawFolder, place: str, line: dict[str, str], group: str) -> Listed:
    """One line of a manifest with paths."""
    video, label, part = (line[column] for column in ("path", "label", "split"))
    folder.refuse_to_leave(place, video)
    if not label.strip():
        raise folder.error(f"{place}: {shown(video)} has no label; write one.")
    if part not in SPLITS:
        raise folder.error(
            f"{place}: {shown(video)} is in split '{shown(part)}'; write train or test."
        )
    identity = str(PurePosixPath(video))
    return Listed(identity, label, part, group or identity)


def _kinetics(
    folder: RawFolder, path: Path, lines: list[tuple[int, dict[str, str]]]
) -> list[Listed]:
    """Videos named <youtube_id> or <youtube_id>_<start>_<end> (seconds, six digits each).

    val and validate are the test split where no other is.
    """
    lacking = [column for column in ("label", "split") if lines and column not in lines[0][1]]
    if lacking or not lines:
        raise folder.error(
            f"{path} lacks {' and '.join(lacking) or 'lines'}; a list of Kinetics has label and "
            "split, so add them."
        )
    uses = {"train": "train", "test": "test"}
    if not any(line["split"] == "test" for _, line in lines):
        uses |= {"val": "test", "validate": "test"}
    places = Places(folder, by_stem=True)
    return [
        _kinetics_line(folder, f"{path}, line {number}", line, uses, places)
        for number, line in lines
    ]


def _kinetics_line(
    folder: RawFolder, place: str, line: dict[str, str], uses: dict[str, str], places: Places
) -> Listed:
    """One line of a list of Kinetics. uses: its word for a split → ours."""
    label, video, part = (line[column] for column in ("label", "youtube_id", "split"))
    folder.refuse_to_leave(place, video)
    if not label.strip() or part not in (*SPLITS, "val", "validate"):
        raise folder.error(
            f"{place}: {shown(video)} has the label '{shown(label)}' and is in split "
            f"'{shown(part)}'; write a label and train, test or val."
        )
    try:
        start, end = (int(line.get(column) or 0) for column in ("time_start", "time_end"))
    except ValueError:
        raise folder.error(
            f"{place}: {shown(video)} has a time that is no whole number of seconds; write one."
        ) from None
    cut = f"{video}_{start:06d}_{end:06d}"
    identity = places.find(label, cut) or places.find(label, video) or f"{label}/{cut}.mp4"
    return Listed(identity, label, uses.get(part, NEITHER), identity)
