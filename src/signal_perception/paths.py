"""Where every artefact lives, relative to the project's root, from which all stages and commands run."""

from pathlib import Path

PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
SCRATCH = Path(".scratch")
RAW = Path("data/raw")
PRETRAINED = Path("data/pretrained")
SPLITS = ("train", "test")

DECODE_TABLES = Path("reports/decode")
CURVES = Path("reports/curves")
ACCURACY = Path("reports/metrics/accuracy")
TABLES = Path("reports/tables")
FIGURES = Path("reports/figures")
PAGE = Path("reports/index.html")


def raw(dataset: str) -> Path:
    """Folder of the data set's video files; a user's own folder is copied or linked there."""
    return RAW / dataset


def clips(dataset: str, split: str) -> Path:
    """Clip store of one split. The splits are separate outputs, so that another test video never asks for another fine-tuning."""
    return Path("data/clips") / dataset / f"{split}.zarr"


def decode_table(dataset: str) -> Path:
    return DECODE_TABLES / f"{dataset}.csv"


def weights(dataset: str, model: str) -> Path:
    return Path("data/weights") / dataset / f"{model}.safetensors"


def curves(dataset: str, model: str) -> Path:
    return CURVES / dataset / f"{model}.csv"


def predictions(dataset: str, model: str) -> Path:
    return Path("data/predictions") / dataset / f"{model}.parquet"


def accuracy(dataset: str, model: str) -> Path:
    return ACCURACY / dataset / f"{model}.json"


def activations(dataset: str, model: str) -> Path:
    return Path("data/activations") / dataset / f"{model}.zarr"


def spectra(dataset: str, model: str) -> Path:
    return Path("data/spectra") / dataset / f"{model}.parquet"


def spectra_table(dataset: str, model: str) -> Path:
    return TABLES / "spectra" / f"{dataset}-{model}.csv"


def noise_logits(dataset: str, model: str) -> Path:
    return Path("data/noise") / dataset / f"{model}.parquet"


def noise_table(dataset: str, model: str) -> Path:
    return TABLES / "noise" / f"{dataset}-{model}.csv"


def noise_metrics(dataset: str, model: str) -> Path:
    return Path("reports/metrics/noise") / dataset / f"{model}.json"
