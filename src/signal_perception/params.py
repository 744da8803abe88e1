"""params.yaml as frozen, checked objects.

Every stage reads the whole file through `load`, so a misspelt key or an impossible value is refused before any work starts, by its
full name. What each key means stands in params.yaml itself, above the key.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from signal_perception.errors import UserError

Size = Literal["tiny", "base"]
Kind = Literal["spatial_attn", "temporal_attn", "joint_attn", "mlp", "conv", "local_attn", "global_attn"]
GridName = Literal["figure2", "figure3", "figure4"]
Control = Literal["static", "shuffled", "reversed"]
Share = Annotated[float, Field(ge=0, le=1)]
Whole = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Three = Annotated[tuple[float, float, float], Field(strict=False)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Study(_Checked):
    datasets: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    models: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    size: Size


class SyntheticSource(_Checked):
    kind: Literal["synthetic"]
    train_per_class: Whole
    test_per_class: Whole
    frames: Annotated[int, Field(ge=4)]
    size: Annotated[int, Field(ge=16, multiple_of=2)]
    fps: Whole


class FolderSource(_Checked):
    kind: Literal["folder"]
    manifest: str | None
    test_share: Annotated[float, Field(gt=0, lt=1)]


class OfficialSource(_Checked):
    kind: Literal["hmdb51", "ucf101"]
    split: Annotated[int, Field(ge=1, le=3)]


class Dataset(_Checked):
    source: Annotated[SyntheticSource | FolderSource | OfficialSource, Field(discriminator="kind")]
    flip: bool


class Decode(_Checked):
    short_side: Annotated[int, Field(ge=16)]
    max_frames: Whole
    format: Literal["jpeg", "png"]
    quality: Annotated[int, Field(ge=1, le=100)]
    chroma: Literal["4:2:0", "4:4:4"]
    shard: Whole
    on_bad: Literal["skip", "fail"]
    max_bad: Share


class Input(_Checked):
    frames: Whole
    stride: Whole
    size: Annotated[int, Field(ge=8)]
    resize: Whole | None
    mean: Three
    std: Three
    sampling: Literal["dense", "dense_30fps", "uniform", "videomae", "mmaction", "swin", "i3d"]
    fusion: Literal["logits", "probabilities"]

    @model_validator(mode="after")
    def _crop_fits(self) -> "Input":
        if self.resize is not None and self.resize < self.size:
            raise ValueError(
                f"resize is {self.resize}, smaller than the crop of {self.size}: enlarge it or set it to null"
            )
        return self


class Recipe(_Checked):
    epochs: Whole
    warmup_epochs: NotNegative
    batch: Whole
    optimiser: Literal["adamw", "sgd"]
    lr: Positive
    min_lr: NotNegative
    weight_decay: NotNegative
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None
    clip_grad: Positive | None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    mixup: NotNegative
    crop_area: Annotated[tuple[Share, Share], Field(strict=False)]
    batch_norm: Literal["train", "frozen"]


class Pretrained(_Checked):
    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
    source: str


class Model(_Checked):
    network: dict[str, object]
    input: Input
    recipe: Recipe
    pretrained: Pretrained | None
    disturb: str


class Finetune(_Checked):
    precision: Literal["float32", "bfloat16"]


class Views(_Checked):
    clips: Whole
    crops: Literal[1, 3]
    controls: Annotated[tuple[Control, ...], Field(strict=False)]


class Extract(_Checked):
    clips: Whole
    kinds: Annotated[tuple[Kind, ...], Field(strict=False)]
    sides: Annotated[tuple[Literal["stream", "branch"], ...], Field(strict=False, min_length=1)]
    controls: Annotated[tuple[Control, ...], Field(strict=False)]
    dtype: Literal["float16", "float32"]
    shard: Whole


class Spectra(_Checked):
    preset: Literal["poster", "all"]
    epsilon: Literal["relative", "absolute"]
    calibration_videos: Whole
    bootstrap: Annotated[int, Field(ge=100)]


class Grid(_Checked):
    panels: Literal["parts", "thirds"]
    sigma: Annotated[tuple[NotNegative, ...], Field(strict=False, min_length=1)]
    gamma: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)]
    rho: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)]


class Noise(_Checked):
    repeats: Whole
    scale: Literal["absolute", "rel_std", "rel_max", "rel_fro"]
    mask: Literal["exact", "bernoulli"]
    order: Literal["random", "leading", "trailing", "even"]
    bootstrap: Annotated[int, Field(ge=100)]
    grids: dict[GridName, Grid]


class Report(_Checked):
    dpi: Annotated[int, Field(ge=50, le=600)]
    statistic: Literal["mean_log", "log_mean", "log_rms"]
    point: Literal["poster", "nyquist"]
    controls: bool


class Params(_Checked):
    seed: Annotated[int, Field(ge=0)]
    cpu_threads: Whole | None
    study: Study
    datasets: dict[str, Dataset]
    decode: Decode
    models: dict[str, dict[Size, Model]]
    finetune: Finetune
    views: Views
    extract: Extract
    spectra: Spectra
    noise: Noise
    report: Report

    @model_validator(mode="after")
    def _study_exists(self) -> "Params":
        for key, asked, existing in [
            ("study.datasets", self.study.datasets, self.datasets),
            ("study.models", self.study.models, self.models),
        ]:
            for index, name in enumerate(asked):
                if name not in existing:
                    raise ValueError(
                        f"{key}[{index}] is {name!r}, which params.yaml does not define; it defines {_names(existing)}"
                    )
            if len(set(asked)) < len(asked):
                raise ValueError(f"{key} names the same entry twice: {_names(asked)}")
        for name in self.study.models:
            if self.study.size not in self.models[name]:
                raise ValueError(
                    f"models.{name}.{self.study.size} is missing; model {name} has {_names(self.models[name])}"
                )
        return self

    def model(self, name: str) -> Model:
        """The numbers of a model at the study's size."""
        return self.models[name][self.study.size]


def load(path: Path) -> Params:
    """Read and check params.yaml; every mistake is a UserError that names the key in full."""
    if not path.is_file():
        raise UserError(f"There is no {path} here; run this from the project's root.")
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path.name}: {_sentence(error, content)}") from None


def plain(part: BaseModel) -> dict[str, object]:
    """A part of the parameters as plain JSON values, for fingerprints and tables."""
    return part.model_dump(mode="json")


def _sentence(error: ValidationError, content: object) -> str:
    """The first mistake as one sentence; a misspelt key comes before the gap it leaves."""
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    fault = faults[0]
    keys = _key(fault["loc"], content)
    name, more = _dotted(keys), f" ({len(faults) - 1} more mistakes)" if len(faults) > 1 else ""
    match fault["type"]:
        case "extra_forbidden":
            siblings = _known(Params, keys[:-1])
            near = difflib.get_close_matches(str(keys[-1]), siblings, n=1)
            hint = (
                f"did you mean {_dotted([*keys[:-1], near[0]])}?" if near else f"known keys there: {_names(siblings)}"
            )
            return f"{name} is no known key; {hint}"
        case "missing":
            return f"{name} is missing{more}"
        case "value_error":
            return f"{name}.".removeprefix(".") + str(fault["msg"]).removeprefix("Value error, ")
    text = str(fault["msg"])
    return f"{name} is {fault['input']!r}, but {text[0].lower()}{text[1:]}{more}"


def _key(location: tuple[int | str, ...], content: object) -> list[int | str]:
    """The keys of the file that pydantic's location stands for; it also names the variant of a union, which no file has."""
    keys: list[int | str] = []
    here = content
    for index, step in enumerate(location):
        last = index == len(location) - 1
        if step == "[key]":
            continue
        if isinstance(here, dict) and (step in here or last):
            keys.append(step)
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            keys.append(step)
            here = here[step]
    return keys


def _known(annotation: object, keys: list[int | str]) -> list[str]:
    """Keys that the schema knows below `keys`, looking through mappings and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return _known(fields[str(keys[0])].annotation, keys[1:]) if keys else list(fields)
    parts = get_args(annotation)
    if get_origin(annotation) is dict:
        return _known(parts[1], keys[1:])
    return list(dict.fromkeys(name for part in parts for name in _known(part, keys)))


def _dotted(keys: list[int | str]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
