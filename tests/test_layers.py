"""The architecture as the code has it: imports go down only, light rooms stay light."""

from pathlib import Path

import pytest

from signal_perception.pipeline.code import PACKAGE, SOURCE, closure, imported_names
from tests.support.project import ROOT

ROOMS = SOURCE / PACKAGE

# From the ground up; a room may import its own files and those of the layers below it. Everyone may
# use `pipeline`, which imports nothing of the package but itself.
LAYERS = [
    ("vocabulary", "seeding", "consolidate"),
    ("clips", "models", "statistics", "fourier"),
    ("inference",),
    (
        "synthesise",
        "decode",
        "finetune",
        "evaluate",
        "extract",
        "spectra",
        "features",
        "probe",
        "noise",
        "report",
    ),
    ("api",),
    ("commands",),
]
HEIGHT = {room: height for height, layer in enumerate(LAYERS) for room in layer}
STAGES = LAYERS[3]
# What a stage's room may import of another stage's: the reader of the product before it, and
# definitions, which are NumPy alone.
READERS = {
    "decode": {"synthesise.settings"},
    "spectra": {"extract.store"},
    "probe": {"features.store"},
    "evaluate": {"decode.table"},
    "noise": {"evaluate.predictions"},
    "report": {"decode.table", "noise.findings"},
}
STANDARD = {"collections", "dataclasses", "functools", "math", "typing"}
# Files that stay light on purpose → the only packages from outside that they may import.
NUMPY_ALONE = (
    "statistics",
    "fourier/definitions.py",
    "fourier/energy.py",
    "inference/fusion.py",
    "noise/definitions.py",
    "probe/definitions.py",
)
# Rooms and files → what they never reach, not even indirectly.
NEVER = {
    "report": {"torch", "timm"},
    "api/tables.py": {"torch", "timm"},
    "api/stores.py": {"torch", "timm"},
    "decode": {"torch", "timm"},
    "clips/store.py": {"torch", "timm"},
    "evaluate/predictions.py": {"torch", "timm"},
    "probe": {"torch", "timm"},
    "fourier/definitions.py": {"torch", "timm"},
    "fourier/energy.py": {"torch", "timm"},
    "statistics": {"torch", "timm", "pandas"},
}


def _files(place: Path = ROOMS) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _room(file: Path) -> str:
    return file.relative_to(ROOMS).with_suffix("").parts[0]


def _own_imports(file: Path) -> list[str]:
    names = [name.removeprefix(f"{PACKAGE}.") for name in imported_names(file)]
    return [name for name in names if name.split(".")[0] in {*HEIGHT, "pipeline"}]


def test_every_room_has_its_layer() -> None:
    rooms = {_room(file) for file in _files()} - {"__init__", "pipeline"}
    assert rooms - set(HEIGHT) == set(), "give each of these rooms a layer in LAYERS above"
    assert set(HEIGHT) - rooms == set(), "LAYERS above names rooms that do not exist"


@pytest.mark.parametrize("file", _files(), ids=lambda file: str(file.relative_to(ROOMS)))
def test_imports_go_down_only(file: Path) -> None:
    own = _room(file)
    assert own in {*HEIGHT, "__init__", "pipeline"}, f"give {own} a layer in LAYERS above"
    for name in _own_imports(file):
        room = name.split(".")[0]
        if room == own or room == "pipeline":
            continue
        assert own != "pipeline", f"pipeline imports {name}"
        if room in STAGES and own in STAGES:
            assert any(name.startswith(reader) for reader in READERS.get(own, ())) or (
                name == room
            ), f"{own} imports {name} of another stage; a reader of its product goes into READERS"
        else:
            assert HEIGHT[room] < HEIGHT[own], f"{own} imports {name}, which lies above it"


def test_models_know_no_clips() -> None:
    for file in _files(ROOMS / "models"):
        assert not any(name.startswith("clips") for name in _own_imports(file)), file


@pytest.mark.parametrize("place", NUMPY_ALONE)
def test_definitions_and_statistics_are_numpy_alone(place: str) -> None:
    for file in _files(ROOMS / place):
        outside = {name.split(".")[0] for name in imported_names(file)} - STANDARD - {PACKAGE}
        assert outside <= {"numpy", "scipy"}, file
        used = {name for name in _own_imports(file) if name.count(".")}
        allowed = ("statistics.", "pipeline.errors", "seeding.", "fourier.definitions")
        assert all(name.startswith(allowed) for name in used), file


@pytest.mark.parametrize("place", NEVER)
def test_light_rooms_stay_light(place: str) -> None:
    for file in _files(ROOMS / place):
        reached = {file, *closure(file)}
        outside = {name.split(".")[0] for each in reached for name in imported_names(each)}
        assert not outside & NEVER[place], f"{file} reaches {outside & NEVER[place]}"


def test_no_room_is_empty_and_no_package_re_exports() -> None:
    for init in ROOMS.rglob("__init__.py"):
        # the package's own looks these up by name, when somebody asks for it
        allowed = {"importlib"} if init.parent == ROOMS else set()
        found = set(imported_names(init))
        assert found <= allowed, f"{init} imports, which widens every closure"
        if init.parent != ROOMS:
            assert len(list(init.parent.glob("*.py"))) > 1, f"{init.parent} is empty"


def test_tests_lie_in_the_folders_of_the_code() -> None:
    rooms = {folder.name for folder in ROOMS.iterdir() if (folder / "__init__.py").is_file()}
    folders = {folder.name for folder in (ROOT / "tests").iterdir() if any(folder.glob("test_*"))}
    # whole studies sent to servers and back: no one room's
    assert folders - {"remotes"} <= rooms
