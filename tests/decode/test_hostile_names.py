"""Labels, sources and files with odd names: each is kept as it is, or refused with one sentence."""

import json
import os
import unicodedata
from pathlib import Path

import pytest

from signal_perception.decode import run, table
from tests.decode.test_run import SETTINGS
from tests.support.raw import COMPANY, HEAD, from_folder, listed, refusal_of, tree
from tests.support.videos import moving, write


def _two(root: Path, label: str, group: str = "") -> Path:
    """A data set with a class of that label, quoted as CSV asks."""
    cells = [label, group]
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    lines = [
        f"a/{number}.avi,{quoted[0]},{split},{quoted[1]}\n"
        for number, split in enumerate(("train", "test"))
    ]
    tree(root, "a/0.avi", "a/1.avi", "b/1.avi", "b/2.avi")
    (root / "list.csv").write_bytes((HEAD + COMPANY + "".join(lines)).encode())
    return root


# Labels and sources


TEXTS = (
    *("nan", "NULL", "None", "NA", "N/A", "1e5", "0x10", "007", "-", "inf", "True", "+1"),
    *("+x", "a,b", 'a"b', "a b", "é", "挥手", "<b>", "{{x}}", "../x", "$(x)", "a;b", "a\\b", "🙋‍♀️"),
)


@pytest.mark.parametrize("label", TEXTS)
def test_a_label_is_a_text_from_the_list_to_the_table(tmp_path: Path, label: str) -> None:
    found = from_folder(_two(tmp_path, label, label), "list.csv")
    assert set(found.classes) == {"b", label}
    assert {video.group for video in found.videos if video.id.startswith("a/")} == {label}
    texts = {"codec": "", "decoder": "", "verdict": "ok", "sha256": "1" * 64, "frames_hash": ""}
    fine = dict.fromkeys(table.KIND.columns, 1) | texts
    rows = [
        fine | {"id": video.id, "label": video.label, "split": video.split, "group": video.group}
        for video in found.videos
    ]
    (tmp_path / "part.json").write_text(json.dumps(rows))
    made = table.build([tmp_path / "part.json"], found.classes, ["loose.avi"])
    made.to_csv(tmp_path / "table.csv", index=False)
    read = table.read(tmp_path / "table.csv")
    assert table.classes(read) == list(found.classes)
    assert read["label"].tolist() == made["label"].tolist()
    assert set(read.loc[read["label"] != "b", "group"].dropna()) == {label}
    assert table.shared_groups(read) == [label]


BAD = {
    "newline": "wave\nhand",
    "carriage return": "wave\rhand",
    "line separator": "wave\u2028hand",
    "paragraph separator": "wave\u2029hand",
    "next line": "wave\x85hand",
    "escape": "\x1b[31mwave",
    "bell": "wave\x07",
    "tab": "wave\thand",
    "right to left": "wave\u202egnp",
    "byte order mark": "\ufeffwave",
    "long": "x" * 10_000,
    "formula": "=1+1",
    "call": "@x",
    "command": "+cmd|'/c calc'!A1",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_label_that_no_line_can_show_isrefusal_of(tmp_path: Path, kind: str) -> None:
    assert "has no name to work with" in refusal_of(_two(tmp_path / "label", BAD[kind]))
    assert "the source '" in refusal_of(_two(tmp_path / "group", "wave", BAD[kind]))


def test_two_classes_of_one_name_arerefusal_of(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "bébé") for form in ("NFC", "NFD"))
    text = f"a/0.avi,{composed},train,\na/1.avi,{composed},test,\n"
    tree(tmp_path, "a/0.avi", "a/1.avi", "b/1.avi", "b/2.avi")
    listed(tmp_path, HEAD + COMPANY.replace(",b,", f",{apart},") + text)
    assert "are one name in two Unicode forms" in refusal_of(tmp_path)


# Files


BAD_FILES = {
    "newline": b"a/x\n.avi",
    "no UTF-8": b"a/\xff\xfe.avi",
    "escape": b"a/\x1b[2J.avi",
    "right to left": "a/\u202eiva.avi".encode(),
    "class": b"a\n/x.avi",
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_whose_name_no_line_can_show_isrefusal_of(tmp_path: Path, kind: str) -> None:
    tree(tmp_path, "a/1.avi", "a/2.avi")
    name = os.fsdecode(BAD_FILES[kind])
    tree(tmp_path, name, name.replace(".avi", "2.avi"))
    assert "has no name to work with" in refusal_of(tmp_path, None)
    # on a list or not
    assert "has no name to work with" in refusal_of(
        listed(tmp_path, HEAD + "a/1.avi,a,train,\na/2.avi,a,test,\n")
    )


def test_one_file_name_in_two_forms_isrefusal_of(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "bébé.avi") for form in ("NFC", "NFD"))
    tree(tmp_path, "a/1.avi", "a/2.avi", f"a/{composed}")
    listed(tmp_path, HEAD + f"a/1.avi,a,train,\na/2.avi,a,test,\na/{apart},a,test,\n")
    assert "are one name in two Unicode forms" in refusal_of(tmp_path)


ODD_FILES = (
    *("a b.avi", "'.avi", '".avi', "a,b.avi", "-rf.avi", "%03d.avi", "$(x).avi", "a;b.avi"),
    *("file:x.avi", "a|b.avi", "*.avi", "é.avi", "e\u0301e.avi", "手.avi", "#x.avi", "x..avi"),
    *("~.avi", "nan.avi", "\\.avi", "x" * 251 + ".avi", "x.AVI"),
)


def test_odd_names_of_files_are_kept_as_they_are(tmp_path: Path) -> None:
    film = write(tmp_path / "film.avi", moving(3), "mpeg4").read_bytes()
    raw = tree(tmp_path / "raw", *(f"a =1 'b'/{name}" for name in ODD_FILES))
    for path in raw.rglob("*.*"):
        path.write_bytes(film)
    found = from_folder(raw)
    assert {video.path.name for video in found.videos} == set(ODD_FILES)
    shards = run.plan(found, 100, tmp_path)
    for shard in shards:
        shard.result.parent.mkdir(exist_ok=True)
        run.decode_shard(shard.item, shard.result, settings=SETTINGS, folder=tmp_path)
    made = table.build([shard.result for shard in shards], found.classes, ())
    made.to_csv(tmp_path / "table.csv", index=False)
    read = table.read(tmp_path / "table.csv")
    assert set(read["verdict"]) == {"ok"} and set(read["decoder"]) == {"decord"}
    assert set(read["id"]) == {video.id for video in found.videos}
    assert table.classes(read) == ["a =1 'b'"]
    assert len(table.same_frames(read)) == len(found.split("test"))
