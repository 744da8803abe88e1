"""Stage decode: decode every video of a data set once, in order, for all models.

Writes one clip store per split, and a table with a verdict for each video.
"""

import sys

from signal_perception.decode import run as decode
from signal_perception.decode import table
from signal_perception.decode.catalogue import load_catalogue
from signal_perception.decode.settings import RAW, Settings
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import write_atomically


def main(dataset: str) -> None:
    run = stage.start("decode", dataset)
    settings = run.settings(Settings)
    folder = run.scratch.path
    catalogue = load_catalogue(dataset, settings.dataset.source, run.dep(str(RAW)))
    shards = decode.plan(catalogue, settings.decode.shard, folder)
    decode.decode_shards(shards, settings.decode, folder, label=f"decode {dataset}")

    verdicts = table.build(
        [shard.result for shard in shards], catalogue.classes, catalogue.unlisted
    )
    target = run.out("reports/decode")
    write_atomically(target, lambda path: verdicts.to_csv(path, index=False))
    table.refuse_too_many_bad(verdicts, settings.decode.max_bad, target)

    stores = decode.finish_stores(shards, catalogue.classes, folder)
    run.publish({f"data/clips/{dataset}/{split}.zarr": path for split, path in stores.items()})
    for sentence in table.oddities(verdicts, dataset):
        print(f"decode {dataset}: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    stage.run(main)
