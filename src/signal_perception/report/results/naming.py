"""Names of models and data sets for readers."""

NAMES = {
    "i3d": "I3D",
    "i3d_inception": "I3D (Inception)",
    "timesformer_divided": "TimeSformer (divided)",
    "timesformer_joint": "TimeSformer (joint)",
    "videomae_v1": "VideoMAE V1",
    "videomae_v2": "VideoMAE V2",
    "uniformer_v1": "UniFormer V1",
    "uniformer_v2": "UniFormer V2",
    "swin": "Swin",
}
DATASETS = {"hmdb51": "HMDB51", "ucf101": "UCF101"}


def model(name: str) -> str:
    """Name of a model for readers."""
    return NAMES.get(name, name)


def dataset(name: str) -> str:
    """Name of a data set for readers."""
    return DATASETS.get(name, name)
