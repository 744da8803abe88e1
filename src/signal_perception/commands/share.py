"""Results to a remote and back: everything that was computed, but no pictures of others' videos."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from signal_perception.decode.settings import OfficialSource
from signal_perception.pipeline import dvcfile, params, remotes
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.refusals import names
from signal_perception.synthesise.settings import SyntheticSource

# The folder whose stores hold the frames of videos.
_FRAMES = Path("data/clips")


def share(frames: Collection[str]) -> None:
    """Send the study to the default remote, with the frames of data sets that may go."""
    private = _private(frames)
    moved = remotes.push(private)
    _say("sent", moved)
    for dataset in sorted({path.parts[2] for path in private}):
        print(f"The frames of {dataset} stay here, and so do its videos: docs/sharing.md says why.")
    for path in moved.missing:
        print(f"Not here, so not sent: {path}.")


def fetch() -> None:
    """Fetch the study from the default remote and put it into its place."""
    moved = remotes.pull()
    _say("fetched", moved)
    for folder, count in _by_folder(moved.missing):
        print(f"Not in the remote: {folder}{f', {count} outputs' if count > 1 else ''}.")
    print(
        "Next: signal-perception repro runs what changed and writes the report (--pull: in a "
        "clone that lacks some of this data)."
    )


def _private(frames: Collection[str]) -> set[Path]:
    """The clip stores that stay here: of all videos but synthetic ones and those named."""
    settings = params.load()
    for name in frames:
        if name not in settings.study.datasets:
            raise UserError(
                f"--frames names {name}; the study has {names(settings.study.datasets)}."
            )
        if isinstance(settings.datasets[name].source, OfficialSource):
            raise UserError(
                f"The frames of {name} are never shared: it is for research only; who has its "
                "videos makes them with signal-perception repro."
            )
    free = {
        name
        for name in settings.study.datasets
        if name in frames or isinstance(settings.datasets[name].source, SyntheticSource)
    }
    return {
        out
        for stage in dvcfile.stages().values()
        for out in stage.outs
        if out.is_relative_to(_FRAMES) and stage.item["dataset"] not in free
    }


def _say(done: str, moved: remotes.Moved) -> None:
    if moved.files:
        print(f"{moved.files} files {done}: remote {moved.remote}.")
    else:
        print(f"Nothing to be {done}: both sides have the same; remote {moved.remote}.")


def _by_folder(paths: Iterable[Path]) -> list[tuple[Path, int]]:
    """Folders of outputs, two levels deep, and how many of them each has."""
    found: dict[Path, int] = defaultdict(int)
    for path in paths:
        found[Path(*path.parts[:3])] += 1
    return sorted(found.items())
