"""The sentences under the training curves."""

from collections.abc import Mapping

import pandas as pd

from signal_perception.report.figures import training_figure
from signal_perception.report.results import naming


def curves(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Sentences under the training curves; none where there is nothing to explain."""
    sentences = []
    models = training_figure.validated(tables)
    if models:
        sentences.append(
            f"Dashed: {', '.join(map(naming.model, models))} on videos of the training split that "
            "were kept out of training, by whole sources."
        )
    return sentences
