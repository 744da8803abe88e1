"""The sentences under the figures of probes and of CKA: what is fitted to what, and how it errs."""

from collections.abc import Sequence

import pandas as pd

from signal_perception.report.findings.transfer import Probes
from signal_perception.report.results import runs


def probe(probes: Probes, folds: int, *, others: bool) -> list[str]:
    """Sentences under the probes. others: whether any weights but own ones are drawn."""
    found = [
        "Top-1 on the test videos of a linear probe of each tap: logistic regression on its "
        "features, which are its activations on the residual stream, averaged over time and "
        "space, of one centre clip per video; the model stays as it is. Features are "
        "standardised and the probe is fitted on the training videos alone, its regularisation "
        f"chosen there among five over {folds} folds of whole sources. Against normalised depth "
        "i/(n − 1) over all taps.",
        "Bands: 95 % intervals, of one run after Wilson on the effective number of videos, over "
        f"{_videos(probes)} of one source; the horizontal one is that of the fine-tuned model, as "
        f"in Table 1. {_training(probes)} Averages over time hold no order of "
        "frames but what the model has put into its channels. What a probe finds at a tap is "
        "there; it need not be what the model uses.",
    ]
    if others:
        found.append(
            "Filled markers: p < .05 of the difference to own weights, paired by video, after "
            "Holm's correction over the taps of one model and weights; hollow ones: not different."
        )
    return found


def cka(probes: Probes) -> list[str]:
    """Sentences under CKA."""
    return [
        "Linear CKA between the features of a tap with these weights and with the data set's own, "
        "of the same test videos. The usual estimator comes near 1 for any features with more "
        "channels than there are videos; this is the unbiased one (HSIC₁ of Song et al. 2012), "
        "which is 0 on average for features that have nothing in common, and may be below. Pairs "
        "of videos of one source are left out, which are alike in any features.",
        "Bands: 95 % intervals, of one run by a jackknife over the sources of "
        f"{_videos(probes)} of one source, each by itself. {_training(probes)} Thin and dotted: "
        "the largest CKA of 19 orders of the videos, which chance exceeds at one tap in 20.",
    ]


def _training(probes: Probes) -> str:
    """What bands say of training."""
    return runs.in_words(runs.number(table) for each in probes.values() for table in each.values())


def _videos(probes: Probes) -> str:
    every = [table for tables in probes.values() for table in tables.values()]
    return f"{_span(every, 'total')} test videos in {_span(every, 'n_clusters')} clusters"


def _span(tables: Sequence[pd.DataFrame], column: str) -> str:
    numbers = {int(number) for table in tables for number in table[column].unique()}
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}–{high}"
