"""Stage decode: decode every video of a data set once, in order, into one clip store per split, with a verdict for each video."""

from pathlib import Path

from signal_perception import ingest, params, paths, stage
from signal_perception.closure import code_hash
from signal_perception.data import clip_writer
from signal_perception.scratch import Scratch, whole


def main(dataset: str) -> None:
    settings = params.load(paths.PARAMS)
    catalog = ingest.load_catalog(settings, dataset)
    table_path = paths.decode_table(dataset)
    scratch = Scratch(
        f"decode@{dataset}",
        settings=[params.plain(settings.datasets[dataset].source), params.plain(settings.decode), settings.seed],
        inputs=[paths.raw(dataset)],
        code=code_hash(Path(__file__)),
    )
    units = ingest.shards(catalog, settings.decode.shard)
    left = [unit for unit in units if not unit.rows(scratch.path).is_file()]
    ingest.make_all(
        left, settings=settings.decode, work=scratch.path, label=f"decode {dataset}", done=len(units) - len(left)
    )
    table = ingest.verdicts(units, scratch.path, catalog.classes, catalog.unlisted)
    whole(table_path, lambda path: table.to_csv(path, index=False))
    ingest.refuse_too_many_bad(table, settings.decode.max_bad, table_path)
    for split in paths.SPLITS:
        store = ingest.store(scratch.path, split)
        rows = [
            row for unit in units if unit.split == split for row in clip_writer.shard_rows(store, unit.number) or []
        ]
        clip_writer.finish(store, catalog.classes, rows)
    scratch.publish({ingest.store(scratch.path, split): paths.clips(dataset, split) for split in paths.SPLITS})


if __name__ == "__main__":
    stage.run(main)
