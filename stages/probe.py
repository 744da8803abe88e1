"""Stage probe: linear probes of every tap, and CKA with the data set's own weights."""

from functools import partial

from signal_perception.pipeline import stage
from signal_perception.pipeline.units import write_atomically
from signal_perception.probe import run as probes
from signal_perception.probe.settings import Settings
from signal_perception.probe.tables import table
from signal_perception.statistics.intervals import resamples


def main(dataset: str, model: str, weights: str) -> None:
    run = stage.start("probe", dataset, model, weights)
    settings = run.settings(Settings)

    def probed(whose: str) -> probes.Probed:
        source = run.dep(f"data/features/{dataset}/{model}/{whose}.npz")
        label = f"probe {dataset} {model} {whose}"
        return probes.probed(source, settings.probe.folds, run.scratch.path / whose, label)

    found = probed(weights)
    own = None if weights == dataset else probed(dataset)
    if own is not None:
        probes.refuse_other_videos(found, own)
    index = found.features.index
    groups = index.groups[index.training :]
    names = {"dataset": dataset, "model": model, "weights": weights}
    rows = table(
        found,
        own,
        resamples(groups, settings.seed, settings.probe.bootstrap),
        facts={**names, "weights_sha256": index.weights_sha256},
    )
    # nine digits say all that float32 features can
    write = partial(rows.to_csv, index=False, float_format="%.9g")
    write_atomically(run.out("reports/tables/probe"), write)


if __name__ == "__main__":
    stage.run(main)
