"""Stage noise: the weight-noise grids of one fine-tuned model, cell by cell, and their tables."""

import json
from functools import partial
from pathlib import Path

from signal_perception import assembly, grid, grid_tables, models, params, paths, stage, views, workers
from signal_perception.closure import code_hash
from signal_perception.intervals import resamples
from signal_perception.scratch import Scratch, whole

CELLS_PER_UNIT = 8


def main(dataset: str, model: str) -> None:
    settings = params.load(paths.PARAMS)
    noise = settings.noise
    scratch = Scratch(
        f"noise@{dataset}-{model}",
        settings=[params.plain(settings.model(model)), params.plain(noise), settings.seed, settings.cpu_threads],
        inputs=[paths.clips(dataset, "test"), paths.weights(dataset, model)],
        code=code_hash(Path(__file__), [f"signal_perception.models.{model}"]),
    )
    clips = views.test_clips(settings, dataset, model)
    components = models.components(model, assembly.outline(settings, model, len(clips.store.classes)))
    cells, places = grid.plan(noise.grids, settings.model(model).disturb, list(components))
    prepared = scratch.unit("clips.npy")
    if not prepared.is_file():
        whole(prepared, lambda path: grid.prepare(clips, path))
    units = grid.units(cells, noise.repeats, CELLS_PER_UNIT, scratch.path)
    left = [unit for unit in units if not unit.path.is_file()]
    work = partial(grid.run, settings, dataset, model, prepared)
    workers.run(left, work, label=f"noise {dataset} {model}", unit="block", done=len(units) - len(left), spread=False)

    store = clips.store
    draws = resamples(store.groups, settings.seed, noise.bootstrap)
    outcomes = grid_tables.Outcomes(units, store.labels, draws)
    table = grid_tables.table(dataset, model, cells, places, outcomes)
    target = scratch.unit("logits.parquet")
    grid_tables.write_logits(units, cells, store.ids, store.labels, target)
    whole(paths.noise_table(dataset, model), lambda path: table.to_csv(path, index=False))
    metrics = json.dumps(grid_tables.metrics(table), indent=2) + "\n"
    whole(paths.noise_metrics(dataset, model), lambda path: path.write_text(metrics, encoding="utf-8"))
    scratch.publish({target: paths.noise_logits(dataset, model)})


if __name__ == "__main__":
    stage.run(main)
