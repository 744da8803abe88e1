"""Predictions of a clean model as a file, from a frame."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from signal_perception import parquet
from signal_perception.evaluate.predictions import WEIGHTS


def write(frame: pd.DataFrame, path: Path, weights_sha256: str = "0") -> Path:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with parquet.writer(path, table.schema, {WEIGHTS: weights_sha256}) as writer:
        writer.write_table(table)
    return path
