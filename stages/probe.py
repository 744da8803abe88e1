"""Stage probe: linear probes of every tap, and CKA with the data set's own weights."""

from functools import partial

from signal_perception.features.store import Features
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import write_atomically
from signal_perception.probe.run import Probed
from signal_perception.probe.run import probed as find_out
from signal_perception.probe.settings import Settings
from signal_perception.probe.tables import table
from signal_perception.statistics.intervals import resamples


def main(dataset: str, model: str, weights: str, seed: int) -> None:
    run = stage.start("probe", dataset, model, weights, seed)
    settings = run.settings(Settings)

    def features(whose: str) -> Features:
        found = Features(run.dep(f"data/features/{dataset}/{model}/{whose}-{seed}.npz"))
        found.require_weights(f"{whose}/{model}-{seed}")
        return found

    def probed(whose: str, other: Features | None = None) -> Probed:
        label = f"probe {dataset} {model} {whose} {seed}"
        return find_out(features(whose), other, settings, run.scratch.path / whose, label)

    own = None if weights == dataset else probed(dataset)
    found = probed(weights, own.features if own else None)
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
