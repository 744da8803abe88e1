"""The folder of a data set's raw files: its split lists, its videos, and where a listed one lies.

No list can lead out of the folder, by its text or by being a link.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from signal_perception.decode.links import leads_out
from signal_perception.decode.names import printable, shown
from signal_perception.decode.special import no_file, walk
from signal_perception.pipeline.errors import UserError

SUFFIXES = (
    ".3gp",
    ".avi",
    ".flv",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".ogv",
    ".ts",
    ".webm",
    ".wmv",
)
# The split of a listed video that belongs to neither part.
NEITHER = ""
# Bytes of a list; that of Kinetics-700 has 30 million.
_MOST = 2**28


@dataclass(frozen=True)
class Listed:
    """One line of a split list, whatever it was read from.

    id: posix path relative to the data set's folder. label: name of the class. split: "train",
    "test" or `NEITHER`. group: what the video was cut from.
    """

    id: str
    label: str
    split: str
    group: str


@dataclass(frozen=True)
class RawFolder:
    """The folder `root` of the data set `name`."""

    name: str
    root: Path

    def error(self, sentence: str) -> UserError:
        """A mistake in this data set."""
        return UserError(f"Data set {self.name}: {printable(sentence)}")

    def lists(self, pattern: str) -> list[Path]:
        """Split lists anywhere below the root, one of each file name, sorted by that.

        Two lists of one name must have one content. Hidden files (of macOS archives) are no lists.
        """
        lists: dict[str, Path] = {}
        for path in sorted(self.root.rglob(pattern)):
            first = lists.setdefault(path.name, path)
            if first != path and self.text(first) != self.text(path):
                raise self.error(f"{first} and {path} differ; keep the official one.")
        return [lists[key] for key in sorted(lists) if not key.startswith(".")]

    def text(self, path: Path) -> str:
        """A list as it stands, with \\n at its line ends and without a byte order mark."""
        if why := no_file(path):
            raise self.error(f"the list {shown(path)} cannot be read: it is {why}; mend it.")
        self.refuse_to_lead_out(path)
        if path.stat().st_size > _MOST:
            raise self.error(
                f"{shown(path)} has more than {_MOST} bytes, so it is no list; take it away."
            )
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise self.error(f"{shown(path)} is no UTF-8 text; save it as UTF-8.") from None
        if "\0" in text:
            raise self.error(f"{shown(path)} has NUL bytes, so it is no text; save it as UTF-8.")
        return text

    def lines(self, path: Path) -> list[str]:
        """Lines of a list, whatever its line ends, without a byte order mark."""
        text = self.text(path)
        return text.removesuffix("\n").split("\n") if text else []

    def refuse_to_leave(self, place: str, video: str) -> None:
        """UserError where the text of a listed path leads out of the root, or nowhere.

        place: the list, and perhaps the line, that has the path.
        """
        parts = PurePosixPath(video).parts
        if not parts or ".." in parts or video.startswith("/"):
            raise self.error(
                f"{place}: the path '{shown(video)}' leaves the data set's folder; give it "
                f"relative to {self.root}."
            )

    def refuse_to_lead_out(self, path: Path) -> None:
        """UserError where a file is a link that leads out of the root."""
        if target := leads_out(self.root, path):
            raise self.error(
                f"{shown(path)} is a link that leaves the data set's folder, to {shown(target)}; "
                "put the file itself there."
            )

    def videos(self, *, loose: bool = True) -> list[tuple[str, str]]:
        """(name of the folder it lies in, id) of every video below the root, sorted.

        loose: with those that lie in the root itself.
        """
        files = (
            place / name
            for place, names in walk(self.root)
            if loose or place != self.root
            for name in names
            if not name.startswith(".") and is_video(name)
        )
        return sorted(
            (path.parent.name, path.relative_to(self.root).as_posix())
            for path in files
            if path.is_file()
        )


class Places:
    """Where the videos of a folder lie: their ids by file name, or by its stem."""

    def __init__(self, folder: RawFolder, *, by_stem: bool = False) -> None:
        self._folder = folder
        self._found: dict[str, list[tuple[str, str]]] = {}
        for parent, video in folder.videos():
            path = PurePosixPath(video)
            name = path.stem if by_stem else path.name
            self._found.setdefault(name, []).append((parent, video))

    def find(self, label: str, video: str) -> str | None:
        """The id of a listed video; one in a folder of its class comes before all others.

        None where it is not on disk, UserError where several could be meant.
        """
        found = self._found.get(video, [])
        found = [place for place in found if place[0] == label] or found
        if len(found) > 1:
            raise self._folder.error(
                f"both {found[0][1]} and {found[1][1]} could be meant by the split files; keep "
                "one of them."
            )
        return found[0][1] if found else None


def is_video(name: str) -> bool:
    """Whether a file is a video by the end of its name."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def first_few(names: Iterable[str]) -> str:
    """The first three names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(shown, names[:3])) + more
