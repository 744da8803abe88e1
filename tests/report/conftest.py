"""Tables of spectra that several tests of figures draw."""

import pandas as pd
import pytest

from tests.support.spectral_tables import depth_table, spectra_table


@pytest.fixture(scope="module")
def depths() -> dict[str, pd.DataFrame]:
    return {model: depth_table(model) for model in ("i3d", "swin")}


@pytest.fixture(scope="module")
def bins() -> dict[str, pd.DataFrame]:
    return {"i3d": spectra_table("i3d", size=2), "swin": spectra_table("swin")}
