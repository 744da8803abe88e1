"""The command signal-perception: what is here, what is missing, and the study in one call."""

from pathlib import Path
from typing import Annotated

import typer

from signal_perception.pipeline import stage

# Each command imports its module when it is called: those that need no PyTorch start at once.
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.command()
def models() -> None:
    """List the models: their sizes, parameters, taps, components that noise can disturb."""
    from signal_perception.commands import models as command

    command.list_models()


@app.command()
def taps(model: str, size: str = "tiny") -> None:
    """List the taps of MODEL in execution order, with the shape of one clip's activation."""
    from signal_perception.commands import models as command

    command.list_taps(model, size)


@app.command()
def recipe(
    model: str,
    dataset: str,
    size: str = "base",
    groups: Annotated[
        bool, typer.Option("--groups", help="Print the rate of every group of parameters.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the recipe of MODEL on DATASET, each value with its source, and what follows."""
    from signal_perception.commands import recipe as command

    command.recipe(model, dataset, size, groups, as_json)


@app.command()
def doctor() -> None:
    """Say which devices, data sets and weights are present, and what to do about what is missing.

    Exit code 1 if the study cannot run.
    """
    from signal_perception.commands import doctor as command

    raise typer.Exit(0 if command.doctor() else 1)


@app.command()
def use(preset: Annotated[str, typer.Argument(help="Name of a file in presets/.")]) -> None:
    """Write a preset, a complete study, into params.yaml and params/models."""
    from signal_perception.commands import use as command

    command.use_command(preset)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of videos.")],
    name: Annotated[str, typer.Option(help="Name of the data set and of its study.")],
    links: Annotated[
        bool, typer.Option("--links", help="Take the files that links in the folder lead to.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Look and say, write nothing.")] = False,
    make_current: Annotated[
        bool, typer.Option("--use", help="Make it the study at hand, as `use` does.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at FOLDER of videos; make it a data set, with a small study as a preset."""
    from signal_perception.commands import init as command

    command.init(folder, name, command.Options(links, yes, dry, make_current, as_json))


@app.command()
def repro(
    at_once: Annotated[
        int | None,
        typer.Option(
            "--lanes",
            min=1,
            help="Stages at the same time [default: one per GPU, or what the cores allow]",
        ),
    ] = None,
    dry: Annotated[bool, typer.Option("--dry", help="List the stages, run nothing.")] = False,
) -> None:
    """Check the study, then bring every stage that changed up to date."""
    from signal_perception.commands import repro as command

    command.repro(at_once, dry)


@app.command()
def plan(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what would run now and why, with minutes and GB of each stage, and run nothing."""
    from signal_perception.commands import plan as command

    command.plan_command(as_json)


@app.command()
def classify(
    videos: Annotated[list[Path], typer.Argument(help="Video files.")],
    model: Annotated[str, typer.Option(help="Model with an entry in params/models.")],
    weights: Annotated[Path, typer.Option(help="Weights of that model, in any layout it knows.")],
    labels: Annotated[
        Path, typer.Option(help="Text file: a class name per line, in the order of the logits.")
    ],
    size: str = "base",
    top: Annotated[int, typer.Option(min=1, help="Classes to print for each video.")] = 3,
) -> None:
    """Print the best classes of each video, decoded, sampled and cropped as in the study."""
    from signal_perception.commands import classify as command

    command.classify(videos, model, weights, labels, size, top)


def main() -> None:
    """Entry point."""
    stage.run(app)
