"""An activation store of which some taps alone are here: DVC can fetch parts of a folder."""

from collections.abc import Iterable
from pathlib import Path

import zarr
from zarr.abc.store import Store

from signal_perception.pipeline.errors import UserError

# The groups of a store that hold a group per tap.
KINDS = ("activations", "means")


def missing(store: Path, group: zarr.Group, taps: Iterable[str]) -> list[str]:
    """Those of the taps whose files are not here, though the store's metadata have them."""
    return [
        tap
        for tap in taps
        if any(f"{kind}/{tap}" in group and not _is_here(store, kind, tap) for kind in KINDS)
    ]


def refuse_missing(store: Path | Store, group: zarr.Group, kind: str, tap: str) -> None:
    """UserError where a tap's means or activations are not here, or where it has none."""
    if f"{kind}/{tap}" not in group:
        part = group.get(kind)
        there = ", ".join(sorted(part.group_keys())) if isinstance(part, zarr.Group) else "none"
        raise UserError(f"{store} has no {kind} of a tap {tap!r}; it has {there}.")
    if isinstance(store, Path) and not _is_here(store, kind, tap):
        raise UserError(
            f"Tap {tap} of {store} is not here, though others may be; fetch it "
            f"({pull_command(store, tap)}), or make all anew (signal-perception repro)."
        )


def pull_command(store: Path, tap: str | None = None) -> str:
    """The command that fetches a store, or a tap of it."""
    dataset, model = store.parent.parent.name, store.parent.name
    weights, _, seed = store.stem.rpartition("-")
    command = f"signal-perception pull --dataset {dataset} --model {model}"
    command += f" --weights {weights}" if weights != dataset else ""
    return f"{command} --seed {seed}{f' --tap {tap}' if tap else ''}"


def _is_here(store: Path, kind: str, tap: str) -> bool:
    return (store / kind / tap / "zarr.json").is_file()
