"""The activation stores of a study, opened for reading: of this project, or of one elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr

from signal_perception.extract.partial import KINDS, missing, pull_command
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.project import root
from signal_perception.stores import attributes_of, open_checked

if TYPE_CHECKING:
    import xarray

    from signal_perception.api.afar import Clone

ACTIVATIONS = Path("data/activations")
_SHOWN = 12


@dataclass(frozen=True)
class Name:
    """Which store: whose activations, of which weights, from which run.

    weights: None: the data set's own. seed: None: the study's first.
    """

    dataset: str
    model: str
    weights: str | None = None
    seed: int | None = None

    def path(self, seeds: Sequence[int]) -> Path:
        """Where it lies in a project whose study has these seeds."""
        seed = seeds[0] if self.seed is None else self.seed
        store = f"{self.weights or self.dataset}-{seed}.zarr"
        return ACTIVATIONS / self.dataset / self.model / store


def open_activations(
    dataset: str,
    model: str,
    *,
    weights: str | None = None,
    seed: int | None = None,
    tap: str | None = None,
    project: Path | str | None = None,
    repo: Path | str | None = None,
    rev: str | None = None,
    remote: str | None = None,
    remote_config: Mapping[str, Any] | None = None,
) -> "xarray.DataTree":
    """The activation store of a data set and model, as xarray has it; values are read when used.

    tree = open_activations("shapes", "swin")
    tree["activations/07.mlp"]["activation"].sel(input="clip", video="grows/test_0000.mp4")
    tree["means/07.mlp"]["temporal"].sel(mean="power")

    Damage and missing files are a UserError that names the file, also when values are read.

    From another's project, without a checkout; a clip moves its own bytes and no others:

    tree = open_activations("shapes", "swin", tap="07.mlp", repo="https://…/study.git", rev="v1")

    `extract.store` says what it holds, and reads it without xarray (`ActivationStore`).

    Parameters
    ----------
    weights: whose: another data set, or one and "-start"; None: the data set's own. seed: of the
        run; None: the study's first. tap: the tree has this tap alone; None: all. project: its
        folder; None: found from the working directory.
    repo: address of a clone, or its folder, to read from in place of a project: what DVC has of it
        in its cache, if that is on this machine, or in its remote. rev: a revision of Git; None:
        the default branch, of a folder what stands in it. remote: of DVC; None: the clone's
        default. remote_config: options of the remote, by DVC's names, over those of the clone.
    """
    name = Name(dataset, model, weights, seed)
    if repo is None:
        if rev is not None or remote is not None or remote_config is not None:
            raise UserError(
                "rev, remote and remote_config are of another's project; name it (repo=), or "
                "leave them out."
            )
        return _near(name, tap, root(project))
    if project is not None:
        raise UserError("project and repo are two places to read from; name one of them.")
    from signal_perception.api.afar import opened

    clone = opened(repo, rev, remote, remote_config)
    path = find(clone, name)
    group = open_checked(clone.store(path))
    return _tree(group, taps_asked(group, tap, f"{path} of {clone.name}"))


def find(clone: "Clone", name: Name) -> str:
    """Path of a store in a clone's dvc.lock; UserError that says what there is."""
    path = name.path(clone.seeds if name.seed is None else ())
    if path.as_posix() in clone.outs:
        return path.as_posix()
    there = [Path(out) for out in clone.outs if Path(out).is_relative_to(ACTIVATIONS)]
    choice = [
        ("data set", name.dataset, {out.parts[2] for out in there}),
        ("model", name.model, {out.parts[3] for out in there if out.parts[2] == name.dataset}),
        ("store", path.name, {out.name for out in there if out.parent == path.parent}),
    ]
    kind, asked, found = next(each for each in choice if each[1] not in each[2])
    of = "" if kind == "data set" else f" of {Path(*path.parts[2 : 3 + (kind == 'store')])}"
    raise UserError(
        f"{clone.name} has no activations of the {kind} {asked}{of}; it has "
        f"{_names(sorted(found))}."
    )


def taps_asked(group: zarr.Group, tap: str | None, place: str) -> list[str]:
    """All taps of a store, or the one that is asked for; UserError where it has no such tap."""
    taps = _taps(group)
    if tap is None:
        return taps
    if tap not in taps:
        raise UserError(f"There is no tap {tap!r} in {place}; it has {_names(taps)}.")
    return [tap]


def _near(name: Name, tap: str | None, folder: Path) -> "xarray.DataTree":
    seeds = params.load(folder).study.seeds if name.seed is None else ()
    path = folder / name.path(seeds)
    if not (path / "zarr.json").is_file():
        there = sorted(
            str(each.relative_to(folder / ACTIVATIONS))
            for each in (folder / ACTIVATIONS).glob("*/*/*.zarr")
        )
        raise UserError(
            f"There is no {path.relative_to(folder)} (there: {', '.join(there) or 'nothing'}); "
            f"make it (signal-perception repro) or fetch it ({pull_command(path)})."
        )
    group = open_checked(path)
    taps = taps_asked(group, tap, str(path.relative_to(folder)))
    if absent := missing(path, group, taps):
        if tap is not None:
            raise UserError(f"Tap {tap} is not here; {pull_command(path, tap)} fetches it.")
        raise UserError(
            f"Only {len(taps) - len(absent)} of {len(taps)} taps of {path.relative_to(folder)} "
            f"are here; name one of them (tap=), or fetch all ({pull_command(path)})."
        )
    return _tree(group, taps)


def _taps(group: zarr.Group) -> list[str]:
    """Names of the taps, as the consolidated metadata have them, in execution order."""
    found = {}
    for kind in KINDS:
        if kind in group:
            part = group[kind]
            assert isinstance(part, zarr.Group)
            found |= {name: tap.attrs["order"] for name, tap in part.groups()}
    return sorted(found, key=lambda name: found[name])


def _tree(group: zarr.Group, taps: Sequence[str]) -> "xarray.DataTree":
    """Some taps of a store. Nothing is listed: consolidated metadata say what there is."""
    try:
        import xarray
        from xarray.backends import ZarrStore
    except ImportError:
        raise UserError(
            "open_activations needs xarray; install it (pip install xarray), or read the store "
            "with signal_perception.extract.store.ActivationStore."
        ) from None

    def dataset(part: Any) -> "xarray.Dataset":
        return xarray.open_dataset(ZarrStore(part, mode="r", close_store_on_close=False))

    places = [kind for kind in KINDS if kind in group]
    places += [f"{kind}/{tap}" for kind in places for tap in taps if f"{kind}/{tap}" in group]
    top = xarray.Dataset(attrs=attributes_of(group))
    return xarray.DataTree.from_dict({"/": top} | {each: dataset(group[each]) for each in places})


def _names(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "") or "none"
