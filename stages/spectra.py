"""Stage spectra: temporal spectra of every tap, per video, and their means with intervals."""

from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from signal_perception import params, paths, spectral_tables, stage, workers
from signal_perception.activation_store import ActivationStore
from signal_perception.closure import code_hash
from signal_perception.intervals import resamples
from signal_perception.scratch import Scratch, whole


def main(dataset: str, model: str) -> None:
    settings = params.load(paths.PARAMS)
    source = paths.activations(dataset, model)
    store = ActivationStore(source)
    scratch = Scratch(
        f"spectra@{dataset}-{model}",
        settings=[params.plain(settings.spectra), settings.seed],
        inputs=[source],
        code=code_hash(Path(__file__)),
    )
    results = [
        (name, tap, scratch.unit(f"{name}/{tap.tap}.npz"))
        for name in store.inputs
        for tap in spectral_tables.chosen(store.taps(), settings.spectra.preset)
    ]
    left = [result for result in results if not result[2].is_file()]
    measure = partial(
        spectral_tables.measure,
        source,
        epsilon=settings.spectra.epsilon,
        calibration_videos=settings.spectra.calibration_videos,
    )
    workers.run(left, measure, label=f"spectra {dataset} {model}", unit="tap", done=len(results) - len(left))

    facts = store.facts
    table = spectral_tables.summary(
        results,
        clips=facts.clips,
        seconds_per_frame=facts.seconds_per_frame,
        resamples=resamples(facts.groups, settings.seed, settings.spectra.bootstrap),
        facts={"dataset": dataset, "model": model, "weights_sha256": facts.weights_sha256},
    )
    target = scratch.unit("per_video.parquet")
    with pq.ParquetWriter(target, spectral_tables.SCHEMA, compression="zstd") as writer:
        for part in spectral_tables.per_video(results, facts.ids, facts.clips):
            writer.write_table(pa.Table.from_pandas(part, schema=spectral_tables.SCHEMA, preserve_index=False))
    whole(paths.spectra_table(dataset, model), lambda path: table.to_csv(path, index=False))
    scratch.publish({target: paths.spectra(dataset, model)})


if __name__ == "__main__":
    stage.run(main)
