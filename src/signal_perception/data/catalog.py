"""Which videos a data set has, their classes, and who is in which split, read from official split files, a manifest or folders."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from signal_perception.errors import UserError
from signal_perception.seeding import generator

SPLITS = ("train", "test")
SUFFIXES = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")


@dataclass(frozen=True)
class Video:
    """One video: `id` is its posix path relative to the data set's folder, `group` the source it was cut from (for bootstrap clusters)."""

    id: str
    path: Path
    label: int
    split: str
    group: str


@dataclass(frozen=True)
class Catalog:
    """A data set: sorted class names and the videos of both splits, sorted by id."""

    name: str
    classes: tuple[str, ...]
    videos: tuple[Video, ...]

    def split(self, name: str) -> tuple[Video, ...]:
        """The videos of "train" or "test", sorted by id."""
        return tuple(video for video in self.videos if video.split == name)


@dataclass(frozen=True)
class _Row:
    """One line of a split list, whatever it was read from."""

    id: str
    label: str
    split: str
    group: str


def load(
    name: str, root: Path, kind: str, *, manifest: str | None, split: int, test_share: float, seed: int
) -> Catalog:
    """The catalog of the data set `name` in folder `root`.

    Parameters
    ----------
    kind: "folder" (`<root>/<class>/<video>`), "hmdb51" or "ucf101" (official split files anywhere under the root, and so the videos).
    manifest: kind "folder": CSV file in the root with columns path, label, split (train or test) and perhaps group or subject;
        None: a seeded split which holds out `test_share` of each class.
    split: number of the official split, 1–3.
    """
    if not root.is_dir():
        raise UserError(f"data set {name}: no folder {root}: copy the videos there, or link their folder there")
    if kind == "folder":
        rows = _manifest_rows(name, root, manifest) if manifest else _folder_rows(name, root, test_share, seed)
    elif kind == "hmdb51":
        rows = _hmdb51_rows(name, root, split)
    elif kind == "ucf101":
        rows = _ucf101_rows(name, root, split)
    else:
        raise UserError(f"data set {name}: no kind {kind!r} of data set: there are folder, hmdb51 and ucf101")
    return _checked(name, root, rows)


def _checked(name: str, root: Path, rows: list[_Row]) -> Catalog:
    classes = tuple(sorted({row.label for row in rows}))
    for part in SPLITS:
        empty = sorted(set(classes) - {row.label for row in rows if row.split == part})
        if empty:
            raise UserError(
                f"data set {name}: no {part} video of {_some(empty)}: every class needs at least one train and one test video"
            )
    repeated = sorted(video for video, times in Counter(row.id for row in rows).items() if times > 1)
    if repeated:
        raise UserError(f"data set {name}: listed more than once: {_some(repeated)}: leave one line of each")
    missing = sorted(row.id for row in rows if not (root / row.id).is_file())
    if missing:
        raise UserError(
            f"data set {name}: {len(missing)} of {len(rows)} listed videos are not in {root}: {_some(missing)}"
        )
    videos = (Video(row.id, root / row.id, classes.index(row.label), row.split, row.group) for row in rows)
    return Catalog(name, classes, tuple(sorted(videos, key=lambda video: video.id)))


def _manifest_rows(name: str, root: Path, manifest: str) -> list[_Row]:
    path = root / manifest
    if not path.is_file():
        raise UserError(
            f"data set {name}: no manifest {path}: write it, or set manifest to null for a split by folders"
        )
    reader = csv.DictReader(_lines(name, path))
    columns = reader.fieldnames or []
    lacking = [column for column in ("path", "label", "split") if column not in columns]
    if lacking:
        raise UserError(
            f"data set {name}: {path} lacks the columns {', '.join(lacking)}: it has {', '.join(columns) or 'none'}"
        )
    source = next((column for column in ("group", "subject") if column in columns), None)
    rows = []
    for line in reader:
        place = f"data set {name}: {path}, line {reader.line_num}"
        video, label, part = (line[column] or "" for column in ("path", "label", "split"))
        parts = PurePosixPath(video).parts
        if not parts or ".." in parts or video.startswith("/"):
            raise UserError(f"{place}: the path {video!r} leaves the data set's folder: give it relative to {root}")
        if not label:
            raise UserError(f"{place}: {video} has no label")
        if part not in SPLITS:
            raise UserError(f"{place}: {video} is in split {part!r}: write train or test")
        identity = str(PurePosixPath(video))
        rows.append(_Row(identity, label, part, (line[source] if source else "") or identity))
    if not rows:
        raise UserError(f"data set {name}: {path} lists no videos")
    return rows


def _folder_rows(name: str, root: Path, test_share: float, seed: int) -> list[_Row]:
    folders: dict[str, list[str]] = {}
    for _, video in _videos(root):
        folders.setdefault(PurePosixPath(video).parts[0], []).append(video)
    if not folders:
        raise UserError(
            f"data set {name}: no videos in {root}: expected <class>/<video> with one of {', '.join(SUFFIXES)}"
        )
    rows = []
    for label, videos in sorted(folders.items()):
        if len(videos) < 2:
            raise UserError(
                f"data set {name}: {videos[0]} is the only video of class {label}: a split needs at least two of each class"
            )
        held = min(max(round(test_share * len(videos)), 1), len(videos) - 1)
        order = generator(seed, "split", name, label).permutation(len(videos))
        test = {sorted(videos)[i] for i in order[:held]}
        rows += [_Row(video, label, "test" if video in test else "train", video) for video in videos]
    return rows


def _hmdb51_rows(name: str, root: Path, split: int) -> list[_Row]:
    lists = sorted(root.rglob(f"*_test_split{split}.txt"))
    if not lists:
        raise UserError(
            f"data set {name}: no <class>_test_split{split}.txt under {root}: unpack the official HMDB51 lists there"
        )
    places = _places(name, root)
    rows = []
    for path in lists:
        label = path.name.removesuffix(f"_test_split{split}.txt")
        for line in filter(str.strip, _lines(name, path)):
            match = re.fullmatch(r"(\S+)\s+([012])", line.strip())
            if not match:
                raise UserError(f"data set {name}: {path} has a line {line!r}: expected a video and 0, 1 or 2")
            video, use = match.groups()
            if use != "0":  # 0: in neither part of this split
                title = video.rpartition(f"_{label}_")[0] or video
                rows.append(_Row(_place(places, label, video), label, SPLITS[int(use) - 1], title))
    return rows


def _ucf101_rows(name: str, root: Path, split: int) -> list[_Row]:
    places = _places(name, root)
    rows = []
    for part in SPLITS:
        found = sorted(root.rglob(f"{part}list{split:02d}.txt"))
        if not found:
            raise UserError(
                f"data set {name}: no {part}list{split:02d}.txt under {root}: unpack the official UCF101 lists there"
            )
        for line in filter(str.strip, _lines(name, found[0])):
            match = re.fullmatch(r"([^/\s]+)/(\S+)(\s+\d+)?", line.strip())  # training lists give the class number too
            if not match:
                raise UserError(f"data set {name}: {found[0]} has a line {line!r}: expected <class>/<video>")
            label, video = match.group(1, 2)
            group = re.match(r"v_\w+?_g\d+(?=_)", video)
            rows.append(_Row(_place(places, label, video), label, part, group.group() if group else video))
    return rows


def _lines(name: str, path: Path) -> list[str]:
    """Lines of a list, whatever its line ends, without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"data set {name}: {path} is no UTF-8 text: save it as UTF-8") from None


def _videos(root: Path) -> list[tuple[str, str]]:
    """(name of the folder it lies in, id) of every video below the root's subfolders, sorted."""
    files = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.parent != root)
    return sorted((path.parent.name, path.relative_to(root).as_posix()) for path in files if path.is_file())


def _places(name: str, root: Path) -> dict[tuple[str, str], str]:
    """(class folder, file name) → id."""
    places: dict[tuple[str, str], str] = {}
    for folder, video in _videos(root):
        key = (folder, PurePosixPath(video).name)
        if key in places:
            raise UserError(
                f"data set {name}: both {places[key]} and {video} could be meant by the split files: keep one of them"
            )
        places[key] = video
    return places


def _place(places: dict[tuple[str, str], str], label: str, video: str) -> str:
    """The id of a listed video; one that is not on disk keeps its official place, for the error message."""
    return places.get((label, video), f"{label}/{video}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
