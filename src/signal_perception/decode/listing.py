"""The folder of a data set's raw files: its split lists, its videos, and where a listed one lies.

No list can lead out of the folder by its text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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
        return UserError(f"Data set {self.name}: {sentence}")

    def lists(self, pattern: str) -> list[Path]:
        """Split lists anywhere below the root, one of each file name, sorted by that.

        Two lists of one name must have one content. Hidden files (of macOS archives) are no lists.
        """
        lists: dict[str, Path] = {}
        for path in sorted(self.root.rglob(pattern)):
            first = lists.setdefault(path.name, path)
            if first.read_bytes() != path.read_bytes():
                raise self.error(f"{first} and {path} differ; keep the official one.")
        return [lists[key] for key in sorted(lists) if not key.startswith(".")]

    def lines(self, path: Path) -> list[str]:
        """Lines of a list, whatever its line ends, without a byte order mark."""
        try:
            return path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise self.error(f"{path} is no UTF-8 text; save it as UTF-8.") from None

    def refuse_to_leave(self, place: str, video: str) -> None:
        """UserError where the text of a listed path leads out of the root, or nowhere.

        place: the list, and perhaps the line, that has the path.
        """
        parts = PurePosixPath(video).parts
        if not parts or ".." in parts or video.startswith("/"):
            raise self.error(
                f"{place}: the path {video!r} leaves the data set's folder; give it relative to "
                f"{self.root}."
            )

    def videos(self, *, loose: bool = True) -> list[tuple[str, str]]:
        """(name of the folder it lies in, id) of every video below the root, sorted.

        loose: with those that lie in the root itself.
        """
        files = (
            path
            for path in self.root.rglob("[!.]*")
            if path.suffix.lower() in SUFFIXES and (loose or path.parent != self.root)
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


def first_few(names: Iterable[str]) -> str:
    """The first three names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
