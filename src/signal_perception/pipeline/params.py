"""The parameters as frozen, checked objects: params.yaml, and params/models/<model>.yaml.

Each package owns the schema of its own part, in its `settings.py`:

    SECTIONS       name of a top-level key of params.yaml → type of its value
    DATASET_PARTS  name of a key of a data set (params.yaml, datasets.<name>) → type
    MODEL_PARTS    name of a key of a model at one size (params/models/<model>.yaml) → type
    Settings       what the package's stage is told: the keys that dvc.yaml declares for it

`load` finds these modules by their place, so that it checks everything and no package has to
know another. A misspelt key or an impossible value is refused before any work starts, by its full
name. What a key means stands in the files themselves, above the key.
"""

import importlib
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

import signal_perception
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.overrides import ON, overrides, part_on, resolved
from signal_perception.pipeline.refusals import check, names
from signal_perception.pipeline.yamlfile import read_yaml

PARAMS = Path("params.yaml")
MODELS = Path("params/models")

# After the name of a data set: the weights from which fine-tuning on it begins.
START = "-start"

# Folders of reports/ that are no study's own.
_FOLDERS_OF_REPORTS = ("curves", "decode", "metrics", "plots", "tables")

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# What becomes the name of a file, or a word in a shell.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")]
Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
# A file below a folder: a/b.csv; no /b.csv, no ../b.csv and nothing hidden.
Inside = Annotated[
    str, Field(pattern=r"^[^/\\.\x00-\x1f][^/\\\x00-\x1f]*(/[^/\\.\x00-\x1f][^/\\\x00-\x1f]*)*$")
]


class Section(BaseModel):
    """A part of the parameters: no key that it does not know, no value of another type.

    Numbers are finite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Study(Section):
    """Which data sets and models a study has, at which size, and under which name it reports.

    weights: whose are listened to: data sets, or a data set and `START`. seeds: one fine-tuning run
    of each model for each.
    """

    name: Name
    datasets: Names
    models: Names
    weights: Names
    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)]
    size: Name

    @model_validator(mode="after")
    def _has_no_run_twice(self) -> "Study":
        if len(set(self.seeds)) < len(self.seeds):
            listed = ", ".join(map(str, self.seeds))
            raise ValueError(f"seeds names the same run twice: {listed}")
        return self

    @model_validator(mode="after")
    def _has_a_folder_of_its_own(self) -> "Study":
        if self.name in _FOLDERS_OF_REPORTS:
            raise ValueError(
                f"name is {self.name!r}, a folder of reports/ that holds tables of all studies: "
                "choose another name"
            )
        return self


class Params(Section):
    """All parameters; the sections of the packages are further attributes, by their keys.

    models: name → size → the model's entry, with an attribute for each of its parts.
    variants: name → size → data set → the entry as that data set has it, where it differs.
    """

    seed: Seed
    study: Study
    datasets: dict[str, Any]
    models: dict[str, dict[str, Any]]
    variants: dict[str, dict[str, dict[str, Any]]]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def model(self, name: str, dataset: str | None = None) -> Any:
        """The entry of a model at the study's size, as a data set has it (`overrides`)."""
        return self.entry(name, self.study.size, dataset)

    def entry(self, name: str, size: str, dataset: str | None = None) -> Any:
        """The entry of a model at a size, as a data set has it; UserError where there is none."""
        if name not in self.models or size not in self.models[name]:
            existing = ", ".join(
                f"{each} {all}" for each in self.models for all in self.models[each]
            )
            raise UserError(
                f"There is no entry for {name} at size {size} in {MODELS}; there are {existing}."
            )
        if dataset is not None and dataset not in self.datasets:
            raise UserError(
                f"There is no data set {dataset}; {PARAMS} describes {names(self.datasets)}."
            )
        variants = self.variants[name][size]
        return variants[dataset] if dataset in variants else self.models[name][size]


def load(root: Path = Path()) -> Params:
    """Read and check all parameters below the project's root.

    Every mistake is a UserError that names file and key in full.
    """
    content = read_yaml(root / PARAMS)
    if not isinstance(content, Mapping):
        raise UserError(f"{PARAMS} holds no keys; restore it (git checkout {PARAMS}).")
    schema, model = _schema()
    checked = check(_without_models(schema), content, str(PARAMS))
    datasets = dict(checked)["datasets"]
    sizes, variants = {}, {}
    for file in sorted((root / MODELS).glob("*.yaml")):
        entries = read_yaml(file) or {}
        name = str(MODELS / file.name)
        if not isinstance(entries, Mapping):
            raise UserError(f"{name} holds no sizes; give at least one, as the other files do.")
        sizes[file.stem] = {
            str(size): check(model, _common(entry), name, (str(size),))
            for size, entry in entries.items()
        }
        variants[file.stem] = {
            str(size): _variants(entry, sizes[file.stem][str(size)], name, str(size), datasets)
            for size, entry in entries.items()
        }
    params = schema.model_construct(**dict(checked), models=sizes, variants=variants)
    _refuse_what_does_not_exist(params)
    return params


def plain(part: BaseModel) -> dict[str, Any]:
    """A part of the parameters as plain JSON values."""
    return part.model_dump(mode="json")


def settings_modules() -> list[Any]:
    """The `settings.py` of every package, sorted by name."""
    root = Path(signal_perception.__file__).parent
    names = sorted(
        ".".join(file.relative_to(root).parts[:-1]) for file in root.rglob("settings.py")
    )
    # by name and not by an import statement: checking a key is no reason to depend on its stage
    return [importlib.import_module(f"signal_perception.{name}.settings") for name in names]


@cache
def _schema() -> tuple[type[Params], type[Section]]:
    """The schema of params.yaml and that of one size of a model, put together from all packages."""

    def parts(kind: str) -> dict[str, Any]:
        found = [getattr(module, kind, {}) for module in settings_modules()]
        return {name: (annotation, ...) for each in found for name, annotation in each.items()}

    dataset = create_model("Dataset", __base__=Section, **parts("DATASET_PARTS"))
    model = create_model("Model", __base__=Section, **parts("MODEL_PARTS"))
    datasets = {"datasets": (dict[Name, dataset], ...)}
    params = create_model("Params", __base__=Params, **datasets, **parts("SECTIONS"))
    return params, model


@cache
def _without_models(schema: type[Params]) -> type[Section]:
    """The schema of params.yaml alone."""
    fields: dict[str, Any] = {
        name: (field.rebuild_annotation(), ...)
        for name, field in schema.model_fields.items()
        if name not in ("models", "variants")
    }
    return create_model("ParamsFile", __base__=Section, **fields)


def _common(entry: object) -> object:
    """An entry without what single data sets have."""
    return resolved(entry, None) if isinstance(entry, Mapping) else entry


def _variants(
    entry: Mapping[str, Any], common: Section, file: str, size: str, datasets: Collection[str]
) -> dict[str, Section]:
    """Data set → a checked entry with its overrides; each is refused by its own full name."""
    found: dict[str, Section] = {}
    for part, others in overrides(entry):
        place = f"{file}: {size}.{part}.{ON}"
        if not isinstance(others, Mapping):
            raise UserError(f"{place} holds no data sets; name one above its keys, or delete it.")
        for name, keys in others.items():
            if name not in datasets:
                raise UserError(
                    f"{place}.{name} is no data set; {PARAMS} describes {names(datasets)}."
                )
            if not isinstance(keys, Mapping):
                raise UserError(f"{place}.{name} holds no keys; give some, or delete it.")
            schema = type(getattr(common, part))
            content = part_on(entry[part], name)
            checked = check(schema, content, file, (size, part, ON, str(name)))
            found[name] = found.get(name, common).model_copy(update={part: checked})
    return found


def _refuse_what_does_not_exist(params: Params) -> None:
    """UserError where the study names a data set, model or size that is nowhere described."""
    study, models = params.study, params.models
    for key, asked, existing, place in (
        ("study.datasets", study.datasets, params.datasets, f"{PARAMS} describes"),
        ("study.models", study.models, models, f"{MODELS} has"),
    ):
        for index, name in enumerate(asked):
            if name not in existing:
                raise UserError(
                    f"{PARAMS}: {key}[{index}] is {name!r}, which does not exist; {place} "
                    f"{names(existing)}."
                )
        if len(set(asked)) < len(asked):
            raise UserError(f"{PARAMS}: {key} names the same entry twice: {names(asked)}.")
    for name in params.datasets:
        if name.endswith(START):
            raise UserError(
                f"{PARAMS}: datasets.{name} ends in {START}, which stands for the weights that "
                "fine-tuning begins from; give the data set another name."
            )
    missing = [name for name in study.datasets if name not in study.weights]
    if missing:
        raise UserError(
            f"{PARAMS}: study.weights leaves out {names(missing)} of study.datasets; add the "
            "data set: spectra of other weights are compared with those of its own."
        )
    for index, name in enumerate(study.weights):
        if name.removesuffix(START) not in params.datasets:
            raise UserError(
                f"{PARAMS}: study.weights[{index}] is {name!r}; give a data set that {PARAMS} "
                f"describes ({names(params.datasets)}), or <data set>{START}."
            )
    for name in study.models:
        if study.size not in models[name]:
            raise UserError(
                f"{PARAMS}: study.size is {study.size!r}, which {MODELS / name}.yaml does not "
                f"have; it has {names(models[name])}."
            )
