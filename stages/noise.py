"""Stage noise: the weight-noise grids of one fine-tuned model, cell by cell, and their tables."""

import json

from signal_perception.clips.store import ClipStore
from signal_perception.noise import run as cells
from signal_perception.noise import tables
from signal_perception.noise.settings import Settings
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import write_atomically
from signal_perception.statistics.intervals import resamples


def main(dataset: str, model: str) -> None:
    run = stage.start("noise", dataset, model)
    settings = run.settings(Settings)
    clips = run.dep("data/clips")
    grid = cells.plan_of(settings, model, clips)
    units = cells.score_all(
        settings,
        model,
        grid.cells,
        clips=clips,
        weights=run.dep("data/weights"),
        work=run.scratch.path,
        cache=run.scratch.cache("cells", without=cells.NO_MATTER_OF_A_CELL),
        label=f"noise {dataset} {model}",
    )
    store = ClipStore(clips)
    draws = resamples(store.groups, settings.seed, settings.noise.bootstrap)
    outcomes = tables.Outcomes(units, store.labels, draws)
    table = tables.table(dataset, model, grid.cells, grid.places, outcomes)
    metrics = json.dumps(tables.metrics(table), indent=2, allow_nan=False) + "\n"
    file = run.scratch.path / "logits.parquet"
    tables.write_logits(units, store.ids, store.labels, file)
    write_atomically(run.out("reports/tables"), lambda path: table.to_csv(path, index=False))
    write_atomically(
        run.out("reports/metrics"), lambda path: path.write_text(metrics, encoding="utf-8")
    )
    run.publish({"data/noise": file})


if __name__ == "__main__":
    stage.run(main)
