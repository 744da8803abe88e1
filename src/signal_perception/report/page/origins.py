"""What the numbers of a data set rest on: its videos and the weights, each as a hash.

The same data and weights have the same hashes on every machine.
"""

import hashlib

import pandas as pd

from signal_perception.report.page.table import Cell, Row, Table, count, names, numbers, text
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results
from signal_perception.vocabulary import REFUSED, UNLISTED


def videos(results: Results) -> Table:
    """Of each split, its decoded videos, those dropped, and one hash of all frames."""
    columns = [*names("split"), *numbers("videos", "dropped"), *names("frames, SHA-256")]
    made = []
    if results.decode is not None:
        listed = results.decode.loc[results.decode["verdict"] != UNLISTED]
        for split in sorted(listed["split"].unique(), reverse=True):
            inside = listed.loc[listed["split"] == split]
            refused = inside["verdict"].str.startswith(REFUSED)
            kept = inside.loc[~refused]
            cells = [count(len(kept)), count(int(refused.sum())), _code(frames_hash(kept))]
            made.append(Row([text(str(split)), *cells]))
    return Table("data", "Data", columns, made)


def frames_hash(decoded: pd.DataFrame) -> str:
    """SHA-256 over a line for each video, its id and the hash of its frames, sorted by id."""
    pairs = sorted(zip(decoded["id"].astype(str), decoded["frames_hash"].astype(str)))
    lines = "".join(f"{name} {frames}\n" for name, frames in pairs)
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()


def weights(results: Results) -> Table:
    """The weights that were scored, a hash of each run."""
    columns = [*names("model"), *names("weights, SHA-256")]
    made = [
        Row([text(naming.model(model)), _code(each)])
        for model, metrics in results.accuracy.items()
        for each in metrics["weights_sha256"].split()
    ]
    return Table("weights-scored", "Weights scored", columns, made)


def _code(value: str) -> Cell:
    return Cell(value, value)
