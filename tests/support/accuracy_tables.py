"""What the stage evaluate says of a model beside its accuracy, made by hand."""

import numpy as np
import pandas as pd


def correct_table(right: int = 97, total: int = 128) -> pd.DataFrame:
    """The first `right` videos are right at top-1, 120 at top-5; 32 groups of neighbours."""
    numbers = np.arange(total)
    names = {
        "video": [f"{n:03d}.mp4" for n in numbers],
        "group": [f"g{n // 4:02d}" for n in numbers],
    }
    hits = {"top1": 1.0 * (numbers < right), "top5": 1.0 * (numbers < 120)}
    return pd.DataFrame({**names, **hits})


def confusion_table() -> pd.DataFrame:
    """Three classes of 16 videos; NA is taken for wave 6 times, one of wave has no score."""
    rows = [
        ("NA", "NA", 10),
        ("NA", "wave", 6),
        ("clap", "clap", 14),
        ("clap", "NA", 2),
        ("wave", "", 1),
        ("wave", "wave", 15),
    ]
    return pd.DataFrame(rows, columns=["label", "predicted", "videos"])


def classes_table() -> pd.DataFrame:
    """Those of `confusion_table`; all videos of clap come from one source."""
    nothing = float("nan")
    bounds = {"NA": (38.6, 81.5), "clap": (nothing, nothing), "wave": (71.7, 98.9)}
    rows = [
        {
            "class": name,
            "n": 16,
            "correct": float(right),
            "top1": 100 * right / 16,
            "low": bounds[name][0],
            "high": bounds[name][1],
            "ece": 5.0,
            "ece_low": 1.0,
            "ece_high": 12.0,
        }
        for name, right in (("NA", 10), ("clap", 14), ("wave", 15))
    ]
    return pd.DataFrame(rows)


def calibration_table() -> pd.DataFrame:
    """Fifteen bins of which two have videos, the fuller one from one source alone."""
    edges = 100 * np.arange(16) / 15
    columns = ("confidence", "accuracy", "accuracy_low", "accuracy_high")
    table = pd.DataFrame(np.nan, index=range(15), columns=list(columns))
    table.loc[10] = [70.0, 60.0, 40.0, 78.0]
    table.loc[14, ["confidence", "accuracy"]] = [97.0, 100.0]
    videos = np.zeros(15, np.int64)
    videos[[10, 14]] = 16, 32
    numbers = {"bin": range(1, 16), "low": edges[:-1], "high": edges[1:], "n": videos}
    return pd.DataFrame(numbers).join(table)
