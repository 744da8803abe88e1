"""The sentences under the training curves."""

from collections.abc import Mapping

import pandas as pd

from signal_perception.report import style, training_figure


def curves(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Sentences under the training curves; none where there is nothing to explain."""
    sentences = []
    models = training_figure.validated(tables)
    if models:
        sentences.append(
            f"Dashed: {', '.join(map(style.name, models))} on videos of the training split that "
            "were kept out of training, by whole sources."
        )
    return sentences
