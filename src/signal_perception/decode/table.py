"""The table of verdicts, reports/decode/<dataset>.csv: one row for every video of a data set.

Listed videos come first, in the order of the catalogue, then those on disk that no list names.

id          path relative to the data set's folder
label       name of the class; "-" where unlisted
split       "train" or "test"; "-" where unlisted
group       the source that it was cut from
promised    frames that the file announces, 0 where it announces none
decoded     frames that there are, at most decode.max_frames
fps         average frames per second, 0 where unknown
seconds     duration of the decoded frames, 0 where unknown
width       of the upright pictures before resizing, pixels
height      likewise
codec       as FFmpeg names it
decoder     "decord" or "pyav", empty where refused
verdict     see `video.Decoded`; "unlisted" for a video that no list names
sha256      of the file
frames_hash of the decoded pixels, empty where refused
"""

import json
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from signal_perception.clips.oddities import said_of_one_class
from signal_perception.pipeline.errors import UserError
from signal_perception.vocabulary import REFUSED, SPLITS, UNLISTED

# Columns of names: none of them is a number, whatever it looks like.
_TEXTS: dict[Hashable, type[str]] = dict.fromkeys(
    ("id", "label", "split", "group", "codec", "sha256", "frames_hash"), str
)
# Sources, or pairs of videos, that a sentence names.
_NAMED = 3


def build(parts: Iterable[Path], classes: Sequence[str], unlisted: Sequence[str]) -> pd.DataFrame:
    """The table of a data set.

    parts: files of rows with places of classes for labels, as `run` writes them. unlisted: ids.
    """
    rows = [row for part in parts for row in json.loads(part.read_text(encoding="utf-8"))]
    table = pd.DataFrame(rows)
    table["label"] = [classes[label] for label in table["label"]]
    if not unlisted:
        return table
    empty = {column: "" if isinstance(value, str) else 0 for column, value in rows[0].items()}
    others = [
        empty | {"id": video, "label": "-", "split": "-", "verdict": UNLISTED} for video in unlisted
    ]
    return pd.DataFrame([*table.to_dict("records"), *others])


def read(path: Path) -> pd.DataFrame:
    """The table that decoding wrote; what is empty there is NaN here."""
    # a class may be called NA, null or 1e5, a subject 1
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=_TEXTS)


def listed(table: pd.DataFrame, split: str) -> int:
    """Number of videos that the lists of the data set have in a split, decoded or not."""
    return sum(each == split for each in table["split"])


def refuse_too_many_bad(table: pd.DataFrame, max_bad: float, path: Path) -> None:
    """UserError where more listed videos are bad than `max_bad`, a share, allows.

    Likewise where a class of a split has none left. path: of the table, for the message.
    """
    table = table.loc[table["verdict"] != UNLISTED, :]
    bad = table[table["verdict"].str.startswith(REFUSED)]
    if len(bad) > max_bad * len(table):
        first = bad.iloc[0]
        raise UserError(
            f"{len(bad)} of {len(table)} videos could not be decoded, more than decode.max_bad = "
            f"{max_bad:g} allows; all are listed in {path}, the first is {first['id']} "
            f"({first['verdict']}); mend or remove them, or raise decode.max_bad."
        )
    left = table.drop(bad.index).groupby(["split", "label"]).size()
    for split, label in table[["split", "label"]].drop_duplicates().itertuples(index=False):
        if (split, label) not in left.index:
            raise UserError(
                f"No {split} video of class {label} could be decoded; {path} has the reasons, so "
                "mend one of them or remove the class."
            )


def classes(table: pd.DataFrame) -> list[str]:
    """Sorted names of the classes of the listed videos."""
    return sorted(set(table.loc[table["verdict"] != UNLISTED, "label"]))


def shared_groups(table: pd.DataFrame) -> list[str]:
    """Sorted names of the sources (subjects, titles) that have usable videos in both splits."""
    usable = _usable(table)
    train, test = (set(usable.loc[usable["split"] == split, "group"]) for split in SPLITS)
    return sorted(train & test)


def oddities(table: pd.DataFrame, dataset: str) -> list[str]:
    """What is odd about a data set, a sentence each.

    One class alone, sources in both splits, the same pictures in both.
    """
    found, shared, same = classes(table), shared_groups(table), same_frames(table)
    sentences = [said_of_one_class(dataset, found)] if len(found) == 1 else []
    if shared:
        sentences.append(_said_of_shared_groups(table, dataset, shared))
    if same:
        sentences.append(_said_of_same_frames(dataset, same))
    return sentences


def same_frames(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(test video, training video) whose decoded frames are equal, sorted; one pair a test video.

    The files may differ: one film in two containers is one film.
    """
    decoded = _decoded(table)
    decoded = decoded.loc[decoded["frames_hash"].notna() & (decoded["frames_hash"] != ""), :]
    train, test = (
        decoded.loc[decoded["split"] == split, ["id", "frames_hash"]].itertuples(index=False)
        for split in SPLITS
    )
    training: dict[str, str] = {}
    for video, frames in train:
        training.setdefault(frames, video)
    return sorted((video, training[frames]) for video, frames in test if frames in training)


def _decoded(table: pd.DataFrame) -> pd.DataFrame:
    """The listed videos that were decoded."""
    refused = table["verdict"].str.startswith(REFUSED)
    return table.loc[~refused & (table["verdict"] != UNLISTED), :]


def _usable(table: pd.DataFrame) -> pd.DataFrame:
    """The listed videos that were decoded and are known to have a source."""
    decoded = _decoded(table)
    return decoded.loc[decoded["group"].notna() & (decoded["group"] != ""), :]


def _said_of_same_frames(dataset: str, same: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(f"{test} = {train}" for test, train in same[:_NAMED])
    more = ", …" if len(same) > _NAMED else ""
    several = len(same) > 1
    return (
        f"{len(same)} test video{'s' * several} of {dataset} {'have' if several else 'has'} the "
        f"frames of a training video ({named}{more}): what is right there was seen before; keep "
        "one of each."
    )


def _said_of_shared_groups(table: pd.DataFrame, dataset: str, shared: Sequence[str]) -> str:
    usable = _usable(table)
    test = usable.loc[usable["split"] == "test", "group"]
    held = int(test.isin(shared).sum())
    named = ", ".join(shared[:_NAMED]) + (", …" if len(shared) > _NAMED else "")
    several = len(shared) > 1
    sources = f"{len(shared)} source{'s' * several} of {dataset} {'have' if several else 'has'}"
    return (
        f"{sources} videos in the training and in the test split ({named}), {held} of {len(test)} "
        "test videos: their accuracy may be that of sources seen before; split by source where the "
        "split is yours."
    )
