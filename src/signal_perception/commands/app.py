"""The command signal-perception: what is here, what is missing, and the study in one call."""

from pathlib import Path
from typing import Annotated

import typer

from signal_perception.commands import place
from signal_perception.pipeline import stage

# Each command imports its module when it is called: those that need no PyTorch start at once.
app = typer.Typer(
    no_args_is_help=True,
    # a traceback without the values of all variables
    pretty_exceptions_enable=False,
)

Model = Annotated[str, typer.Argument(autocompletion=place.models)]
Dataset = Annotated[str, typer.Argument(autocompletion=place.datasets)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"signal-perception {version('signal-perception')}")
        raise typer.Exit


@app.callback()
def frame(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option(help="Folder of the project; by default the nearest one above that is one."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version."),
    ] = False,
) -> None:
    """What is here, what is missing, and the study in one call.

    Works from any folder of the project; paths are relative to where you stand.
    """
    context.obj = place.enter(project)


@app.command()
def models(as_json: Json = False) -> None:
    """List the models: their sizes, parameters, taps, components that noise can disturb."""
    from signal_perception.commands import models as command

    command.list_models(as_json)


@app.command()
def taps(
    model: Model,
    size: Annotated[
        str | None, typer.Option(help="Entry of the model; by default the study's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the taps of MODEL in execution order, with the shape of one clip's activation."""
    from signal_perception.commands import models as command

    command.list_taps(model, size, as_json)


@app.command()
def recipe(
    model: Model,
    dataset: Dataset,
    size: str = "base",
    groups: Annotated[
        bool, typer.Option("--groups", help="Print the rate of every group of parameters.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the recipe of MODEL on DATASET, each value with its source, and what follows."""
    from signal_perception.commands import recipe as command

    command.recipe(model, dataset, size, groups, as_json)


@app.command()
def inspect(
    store: Annotated[Path, typer.Argument(callback=place.as_typed)], as_json: Json = False
) -> None:
    """Say what STORE is (clips, activations, weights, a table) and how to open it."""
    from signal_perception.commands import inspect as command

    command.inspect(store, as_json)


@app.command()
def doctor(
    as_json: Json = False,
    every: Annotated[
        bool, typer.Option("--all", help="Say how to get weights of other studies, too.")
    ] = False,
) -> None:
    """Say which devices, data sets and weights are present, and what to do about what is missing.

    Exit code 1 if the study cannot run.
    """
    from signal_perception.commands import doctor as command

    raise typer.Exit(0 if command.doctor(as_json, every) else 1)


@app.command()
def use(
    preset: Annotated[
        str, typer.Argument(help="Name of a file in presets/.", autocompletion=place.presets)
    ],
) -> None:
    """Write a preset, a complete study, into params.yaml and params/models."""
    from signal_perception.commands import use as command

    command.use_command(preset)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of videos.", callback=place.as_typed)],
    name: Annotated[str, typer.Option(help="Name of the data set and of its study.")],
    links: Annotated[
        bool, typer.Option("--links", help="Take the files that links in the folder lead to.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Look and say, write nothing.")] = False,
    make_current: Annotated[
        bool, typer.Option("--use", help="Make it the study at hand, as `use` does.")
    ] = False,
    as_json: Json = False,
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
    pull: Annotated[
        bool,
        typer.Option(
            "--pull",
            help="Take missing data as up to date; fetch from the remote what a changed stage "
            "reads.",
        ),
    ] = False,
) -> None:
    """Check the study, then bring every stage that changed up to date."""
    from signal_perception.commands import repro as command

    command.repro(at_once, dry, pull)


@app.command()
def share(
    frames: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET",
            help="Send the decoded frames of DATASET, too; those of synthetic videos go anyway.",
            autocompletion=place.datasets,
        ),
    ] = None,
) -> None:
    """Send all results to DVC's default remote: weights, activations, spectra, tables."""
    from signal_perception.commands import share as command

    command.share(frames or ())


@app.command()
def fetch() -> None:
    """Fetch all results from DVC's default remote and put them into their places."""
    from signal_perception.commands import share as command

    command.fetch()


@app.command()
def page() -> None:
    """Write the report's page anew from the tables that are here, for this machine."""
    from signal_perception.commands import page as command

    command.write_page()


@app.command()
def compare(
    first: Annotated[
        str, typer.Argument(metavar="REV", help="A Git revision, or an experiment of DVC.")
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="[REV]", help="Another; by default the workspace.")
    ] = None,
    as_json: Json = False,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Where to write the page; by default reports/compare.html.",
            callback=place.as_typed,
        ),
    ] = None,
) -> None:
    """Say what changed between two experiments, and which numbers moved beyond their intervals."""
    from signal_perception.commands.compare import command

    command.command(first, second, as_json, html)


@app.command()
def plan(as_json: Json = False) -> None:
    """Say what would run now and why, with minutes and GB of each stage, and run nothing."""
    from signal_perception.commands import plan as command

    command.plan_command(as_json)


@app.command()
def verify(
    mend: Annotated[
        bool,
        typer.Option("--mend", help="Put back what DVC's cache or Git has; remove other damage."),
    ] = False,
    rerun: Annotated[
        bool,
        typer.Option("--rerun", help="Run a tiny study twice instead, and compare all bytes."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Hash every file that dvc.lock promises, and name what is damaged or missing.

    Exit code 1 if there is any, or if two runs of a tiny study differ (--rerun, some minutes).
    """
    if rerun:
        from signal_perception.commands import rerun as again

        raise typer.Exit(0 if again.rerun_command(as_json) else 1)
    from signal_perception.commands import verify as command

    raise typer.Exit(0 if command.verify_command(as_json, mend) else 1)


@app.command()
def pull(
    dataset: Annotated[str, typer.Option(help="Whose activations.", autocompletion=place.datasets)],
    model: Annotated[str, typer.Option(help="Of which model.", autocompletion=place.models)],
    tap: Annotated[
        list[str] | None,
        typer.Option(help="One tap of it (again for more); by default the whole store."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Of which weights; by default the data set's own.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of which run; by default the study's first.")
    ] = None,
    remote: Annotated[
        str | None, typer.Option(help="DVC's remote; by default the project's.")
    ] = None,
) -> None:
    """Fetch the activations that MODEL has on DATASET from DVC's remote, or some taps of them."""
    from signal_perception.commands import pull as command

    command.pull(command.Asked(dataset, model, weights, seed), tap or [], remote)


@app.command()
def predict(
    videos: Annotated[
        list[Path],
        typer.Argument(help="Video files, and folders of them.", callback=place.as_typed),
    ],
    model: Annotated[
        str | None, typer.Option(help="Name of the model.", autocompletion=place.models)
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="File of weights; by default those of --model in the study.",
            callback=place.as_typed,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Text file with a class name per line, in the order of the logits; for weights "
            "that this project did not write.",
            callback=place.as_typed,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Whose weights of the study; by default of its only data set.",
            autocompletion=place.datasets,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Which run of the study; by default its first.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Entry of the model that foreign weights fit; by default base."),
    ] = None,
    protocol: Annotated[
        bool,
        typer.Option(
            "--protocol",
            help="Look at each video as the model's official test does: more clips and crops.",
        ),
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Classes to print for each video.")] = 5,
    as_json: Json = False,
) -> None:
    """Print the most probable classes of each video, decoded and cropped as in the study.

    Exit code 1 if a video was refused.
    """
    from signal_perception.commands import predict as command

    good = command.predict(
        videos,
        top=top,
        as_json=as_json,
        model=model,
        weights=weights,
        dataset=dataset,
        seed=seed,
        size=size,
        labels=labels,
        protocol=protocol,
    )
    raise typer.Exit(0 if good else 1)


def main() -> None:
    """Entry point."""
    stage.run(app)
