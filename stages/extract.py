"""Stage extract: what every tap of a fine-tuned model hears, for the test clips and their controls, as one activation store."""

from functools import partial
from pathlib import Path

from signal_perception import activations, params, paths, stage, workers
from signal_perception.closure import code_hash
from signal_perception.scratch import Scratch


def main(dataset: str, model: str) -> None:
    settings = params.load(paths.PARAMS)
    scratch = Scratch(
        f"extract@{dataset}-{model}",
        settings=[
            params.plain(settings.model(model)),
            params.plain(settings.extract),
            settings.seed,
            settings.cpu_threads,
        ],
        inputs=[paths.clips(dataset, "test"), paths.weights(dataset, model)],
        code=code_hash(Path(__file__), [f"signal_perception.models.{model}"]),
    )
    store = scratch.unit("activations.zarr")
    if not store.is_dir():
        activations.create(settings, dataset, model, store)
    units = activations.units(settings, dataset, scratch.path)
    left = [unit for unit in units if not unit.mark.is_file()]
    work = partial(activations.extract, settings, dataset, model, store)
    workers.run(left, work, label=f"extract {dataset} {model}", unit="shard", done=len(units) - len(left), spread=False)
    scratch.publish({store: paths.activations(dataset, model)})


if __name__ == "__main__":
    stage.run(main)
