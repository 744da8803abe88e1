"""The activation stores of a study, opened for reading."""

from pathlib import Path
from typing import TYPE_CHECKING

from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.project import root

if TYPE_CHECKING:
    import xarray

ACTIVATIONS = Path("data/activations")


def open_activations(
    dataset: str,
    model: str,
    *,
    weights: str | None = None,
    seed: int | None = None,
    project: Path | str | None = None,
) -> "xarray.DataTree":
    """The activation store of a data set and model, as xarray has it; values are read when used.

    tree = open_activations("shapes", "swin")
    tree["activations/07.mlp"]["activation"].sel(input="clip", video="grows/test_0000.mp4")
    tree["means/07.mlp"]["temporal"].sel(mean="power")

    Damage and missing files are a UserError that names the file, also when values are read.

    `extract.store` says what it holds, and reads it without xarray (`ActivationStore`).

    Parameters
    ----------
    weights: whose: another data set, or one and "-start"; None: the data set's own. seed: of the
        run; None: the study's first. project: its folder; None: found from the working directory.
    """
    folder = root(project)
    if seed is None:
        seed = params.load(folder).study.seeds[0]
    name = f"{weights or dataset}-{seed}.zarr"
    path = folder / ACTIVATIONS / dataset / model / name
    if not (path / "zarr.json").is_file():
        there = sorted(
            str(each.relative_to(folder / ACTIVATIONS))
            for each in (folder / ACTIVATIONS).glob("*/*/*.zarr")
        )
        raise UserError(
            f"There is no {ACTIVATIONS / dataset / model / name} (there: "
            f"{', '.join(there) or 'nothing'}); make it (signal-perception repro) or fetch it "
            "(dvc pull)."
        )
    try:
        import xarray
    except ImportError:
        raise UserError(
            "open_activations needs xarray; install it (pip install xarray), or read the store "
            "with signal_perception.extract.store.ActivationStore."
        ) from None
    from signal_perception.stores import open_checked

    return xarray.open_datatree(open_checked(path).store, engine="zarr")  # type: ignore[arg-type]
