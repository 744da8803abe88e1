"""Activations fetched from DVC's remote into the project: a whole store, or some of its taps."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from signal_perception.api import afar, stores
from signal_perception.api.stores import Name as Asked
from signal_perception.extract.partial import KINDS, missing, pull_command
from signal_perception.pipeline.errors import UserError
from signal_perception.stores import open_checked


def pull(asked: Asked, taps: Sequence[str], remote: str | None) -> None:
    """Fetch the store that dvc.lock promises, or these taps with all metadata above them.

    Prints what is here then. UserError where there is no such store or tap, or no way to it.
    """
    clone = afar.opened(Path(), remote=remote, trusted=True)
    path = stores.find(clone, asked)
    group = open_checked(clone.store(path))
    for tap in taps:
        stores.taps_asked(group, tap, path)
    targets = [path]
    if taps:
        files = clone.listed(path)
        folders = [f"{kind}/{tap}" for kind in KINDS for tap in taps if f"{kind}/{tap}" in group]
        metadata = ("zarr.json", *(f"{kind}/zarr.json" for kind in KINDS))
        above = [name for name in metadata if name in files]
        targets = [f"{path}/{name}" for name in (*above, *folders)]
    _dvc_pull(targets, remote)
    everything = stores.taps_asked(group, None, path)
    absent = missing(Path(path), group, everything)
    print(f"{path}: {len(everything) - len(absent)} of {len(everything)} taps are here")
    if absent:
        print(
            "DVC holds the folder to be changed until all of it is here, and dvc repro would make "
            f"it anew; {pull_command(Path(path))} fetches the rest. Do not dvc commit it."
        )


def _dvc_pull(targets: Sequence[str], remote: str | None) -> None:
    chosen = ["--remote", remote] if remote else []
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "pull", *chosen, "--", *targets], check=False
    )
    if done.returncode != 0:
        raise UserError(
            f"DVC could not fetch {targets[0]} (its message stands above): where files are not on "
            "the remote, dvc push them from where they were made; where files here were changed, "
            "move them away."
        )
