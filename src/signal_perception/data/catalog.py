"""Which videos a data set has, their classes, and who is in which split, read from official split files, a manifest or folders.

Lists decide: a listed video that is not on disk stays in the catalogue, for decoding to refuse and count; a video on disk that no list
names is kept apart. No list can lead out of the data set's folder, neither by its text nor through a link.
"""

import csv
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from signal_perception.errors import UserError
from signal_perception.seeding import generator

SPLITS = ("train", "test")
NEITHER = ""  # the split of a listed video that is in neither part
SUFFIXES = (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")

# kind → classes, and per split the official numbers of training and test videos
OFFICIAL = {
    "hmdb51": (51, {1: (3570, 1530), 2: (3570, 1530), 3: (3570, 1530)}),
    "ucf101": (101, {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}),
}
# DVC may check a file out as a link into its cache, where it is named by its content
_DVC_CACHED = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


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
    """A data set: sorted class names, the videos of both splits, sorted by id, and the ids of videos on disk that no list mentions."""

    name: str
    classes: tuple[str, ...]
    videos: tuple[Video, ...]
    unlisted: tuple[str, ...] = ()

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
    manifest: kind "folder": CSV file in the root with columns path, label, split (train or test) and perhaps group or subject, or as
        Kinetics has it with label, youtube_id, split and perhaps time_start and time_end, its videos anywhere under the root;
        None: a seeded split which holds out `test_share` of each class.
    split: number of the official split, 1–3.
    """
    if not root.is_dir():
        raise UserError(f"data set {name}: no folder {root}: copy the videos there, or link their folder there")
    if kind == "folder":
        rows = (
            _manifest_rows(name, root, manifest) if manifest is not None else _folder_rows(name, root, test_share, seed)
        )
    elif kind == "hmdb51":
        rows = _hmdb51_rows(name, root, split)
    elif kind == "ucf101":
        rows = _ucf101_rows(name, root, split)
    else:
        raise UserError(f"data set {name}: no kind {kind!r} of data set: there are folder, hmdb51 and ucf101")
    by_list = kind != "folder" or manifest is not None
    unlisted = sorted({video for _, video in _videos(root)} - {row.id for row in rows}) if by_list else []
    return _checked(name, root, rows, tuple(unlisted))


def _checked(name: str, root: Path, rows: list[_Row], unlisted: tuple[str, ...]) -> Catalog:
    classes = tuple(sorted({row.label for row in rows}))
    rows = [row for row in rows if row.split != NEITHER]
    for part in SPLITS:
        empty = sorted(set(classes) - {row.label for row in rows if row.split == part})
        if empty:
            raise UserError(
                f"data set {name}: no {part} video of {_some(empty)}: every class needs at least one train and one test video"
            )
    repeated = sorted(video for video, times in Counter(row.id for row in rows).items() if times > 1)
    if repeated:
        raise UserError(f"data set {name}: listed more than once: {_some(repeated)}: leave one line of each")
    real = os.path.realpath(root)
    there = {row.id for row in rows if (root / row.id).is_file()}
    for video in sorted(there):
        target = os.path.realpath(root / video)
        if not target.startswith(real + os.sep) and not _DVC_CACHED.search(target):
            raise UserError(
                f"data set {name}: {root / video} is a link that leaves the data set's folder, to {target}: put the file itself there"
            )
    missing = sorted(row.id for row in rows if row.id not in there)
    for part in SPLITS:
        gone = sorted(set(classes) - {row.label for row in rows if row.split == part and row.id in there})
        if gone:
            raise UserError(
                f"data set {name}: {len(missing)} of {len(rows)} listed videos are not in {root}: {_some(missing)}; "
                f"that leaves no {part} video of {_some(gone)}"
            )
    videos = (Video(row.id, root / row.id, classes.index(row.label), row.split, row.group) for row in rows)
    return Catalog(name, classes, tuple(sorted(videos, key=lambda video: video.id)), unlisted)


def _manifest_rows(name: str, root: Path, manifest: str) -> list[_Row]:
    path = root / manifest
    if not path.is_file():
        raise UserError(
            f"data set {name}: no manifest {path}: write it, or set manifest to null for a split by folders"
        )
    reader = csv.DictReader(_lines(name, path))
    columns = reader.fieldnames or []
    if "youtube_id" in columns and "path" not in columns:
        return _kinetics_rows(name, root, path, list(reader))
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
        _refuse_to_leave(place, root, video)
        if not label:
            raise UserError(f"{place}: {video} has no label")
        if part not in SPLITS:
            raise UserError(f"{place}: {video} is in split {part!r}: write train or test")
        identity = str(PurePosixPath(video))
        rows.append(_Row(identity, label, part, (line[source] if source else "") or identity))
    if not rows:
        raise UserError(f"data set {name}: {path} lists no videos")
    return rows


def _kinetics_rows(name: str, root: Path, path: Path, lines: list[dict[str, str]]) -> list[_Row]:
    """Videos named <youtube_id> or <youtube_id>_<start>_<end> (seconds, six digits each); val(idate) is the test split if no other is."""
    lacking = [column for column in ("label", "split") if lines and column not in lines[0]]
    if lacking or not lines:
        raise UserError(
            f"data set {name}: {path} lacks {' and '.join(lacking) or 'lines'}: a list of Kinetics has label and split"
        )
    parts = {"train": "train", "test": "test"}
    if not any(line["split"] == "test" for line in lines):
        parts |= {"val": "test", "validate": "test"}
    stems = _Places(name, root, stem=True)
    rows = []
    for number, line in enumerate(lines, 2):
        place = f"data set {name}: {path}, line {number}"
        label, video, part = (line[column] or "" for column in ("label", "youtube_id", "split"))
        _refuse_to_leave(place, root, video)
        if not label or part not in (*SPLITS, "val", "validate"):
            raise UserError(
                f"{place}: {video} has the label {label!r} and is in split {part!r}: write train, test or val"
            )
        try:
            cut = f"{video}_{int(line.get('time_start') or 0):06d}_{int(line.get('time_end') or 0):06d}"
        except ValueError:
            raise UserError(f"{place}: {video} has a time that is no whole number of seconds") from None
        identity = stems.find(label, cut) or stems.find(label, video) or f"{label}/{cut}.mp4"
        rows.append(_Row(identity, label, parts.get(part, NEITHER), identity))
    return rows


def _folder_rows(name: str, root: Path, test_share: float, seed: int) -> list[_Row]:
    folders: dict[str, list[str]] = {}
    for _, video in _videos(root, loose=False):
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
    lists = _lists(name, root, f"*_test_split{split}.txt")
    if not lists:
        raise UserError(
            f"data set {name}: no <class>_test_split{split}.txt under {root}: unpack the official HMDB51 lists there"
        )
    places = _Places(name, root)
    rows = []
    for path in lists:
        label = path.name.removesuffix(f"_test_split{split}.txt")
        lines = [line for line in _lines(name, path) if line.strip()]
        if not lines:
            raise UserError(f"data set {name}: {path} lists no videos: unpack the official list again")
        for line in lines:
            match = re.fullmatch(r"(\S+)\s+([012])", line.strip())
            if not match:
                raise UserError(f"data set {name}: {path} has a line {line!r}: expected a video and 0, 1 or 2")
            video, use = match.groups()
            _refuse_to_leave(f"data set {name}: {path}", root, video)
            title = video.rpartition(f"_{label}_")[0] or video
            part = (NEITHER, *SPLITS)[int(use)]
            rows.append(_Row(places.find(label, video) or f"{label}/{video}", label, part, title))
    _refuse_other_counts(name, lists[0].parent, "hmdb51", split, rows)
    return rows


def _ucf101_rows(name: str, root: Path, split: int) -> list[_Row]:
    places = _Places(name, root)
    rows, folder = [], root
    for part in SPLITS:
        found = _lists(name, root, f"{part}list{split:02d}.txt")
        if not found:
            raise UserError(
                f"data set {name}: no {part}list{split:02d}.txt under {root}: unpack the official UCF101 lists there"
            )
        folder = found[0].parent
        for line in filter(str.strip, _lines(name, found[0])):
            match = re.fullmatch(r"([^/\s]+)/(\S+)(\s+\d+)?", line.strip())  # training lists give the class number too
            if not match:
                raise UserError(f"data set {name}: {found[0]} has a line {line!r}: expected <class>/<video>")
            label, video = match.group(1, 2)
            _refuse_to_leave(f"data set {name}: {found[0]}", root, f"{label}/{video}")
            group = re.match(r"v_\w+?_g\d+(?=_)", video)
            identity = places.find(label, video) or f"{label}/{video}"
            rows.append(_Row(identity, label, part, group.group() if group else video))
    _refuse_other_counts(name, folder, "ucf101", split, rows)
    return rows


def _refuse_other_counts(name: str, folder: Path, kind: str, split: int, rows: list[_Row]) -> None:
    """UserError where lists of all classes name other numbers of videos than the official ones; fewer classes are a study of those."""
    classes, sizes = OFFICIAL[kind]
    found = Counter(row.split for row in rows)
    train, test = sizes[split]
    if len({row.label for row in rows}) >= classes and (found["train"], found["test"]) != (train, test):
        raise UserError(
            f"data set {name}: the lists of split {split} in {folder} name {found['train']} train and {found['test']} test videos, "
            f"but the official ones {train} and {test}: unpack the official lists again"
        )


def _refuse_to_leave(place: str, root: Path, video: str) -> None:
    """UserError where the text of a listed path leads out of the root, or nowhere."""
    parts = PurePosixPath(video).parts
    if not parts or ".." in parts or video.startswith("/"):
        raise UserError(f"{place}: the path {video!r} leaves the data set's folder: give it relative to {root}")


def _lists(name: str, root: Path, pattern: str) -> list[Path]:
    """Split lists under the root, one of each file name, sorted by that; hidden ones (of macOS archives) are none."""
    lists: dict[str, Path] = {}
    for path in sorted(root.rglob(pattern)):
        first = lists.setdefault(path.name, path)
        if first.read_bytes() != path.read_bytes():
            raise UserError(f"data set {name}: {first} and {path} differ: keep the official one")
    return [lists[key] for key in sorted(lists) if not key.startswith(".")]


def _lines(name: str, path: Path) -> list[str]:
    """Lines of a list, whatever its line ends, without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"data set {name}: {path} is no UTF-8 text: save it as UTF-8") from None


def _videos(root: Path, loose: bool = True) -> list[tuple[str, str]]:
    """(name of the folder it lies in, id) of every video below the root, sorted; `loose` ones lie in the root itself."""
    files = (path for path in root.rglob("[!.]*") if path.suffix.lower() in SUFFIXES and (loose or path.parent != root))
    return sorted((path.parent.name, path.relative_to(root).as_posix()) for path in files if path.is_file())


class _Places:
    """Where videos lie: their ids by file name (or by its `stem`), those in a folder of the class before all others."""

    def __init__(self, name: str, root: Path, stem: bool = False) -> None:
        self._name = name
        self._found: dict[str, list[tuple[str, str]]] = {}
        for folder, video in _videos(root):
            path = PurePosixPath(video)
            self._found.setdefault(path.stem if stem else path.name, []).append((folder, video))

    def find(self, label: str, video: str) -> str | None:
        """The id of a listed video; None where it is not on disk, UserError where several could be meant."""
        found = self._found.get(video, [])
        found = [place for place in found if place[0] == label] or found
        if len(found) > 1:
            raise UserError(
                f"data set {self._name}: both {found[0][1]} and {found[1][1]} could be meant by the split files: keep one of them"
            )
        return found[0][1] if found else None


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
