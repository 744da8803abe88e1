"""Folders and lists made to harm: each is read, or refused with one sentence."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from signal_perception.commands.look import look
from signal_perception.decode import special
from signal_perception.decode.settings import FolderSource
from signal_perception.pipeline.errors import UserError
from tests.support.raw import COMPANY, HEAD, from_folder, from_lists, listed, refusal_of, tree

# Lists


def _long_line(folder: Path) -> None:
    (folder / "list.csv").write_text(HEAD + "x" * 1_000_000)


def _huge(folder: Path) -> None:
    with (folder / "list.csv").open("wb") as file:
        file.truncate(2**30)


def _link_out(folder: Path) -> None:
    (folder.parent / "secret").write_text("a secret\n")
    (folder / "list.csv").symlink_to(folder.parent / "secret")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "list.csv")


def _text(text: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "list.csv").write_bytes(text.encode(encoding))

    return make


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_long_line, "is no CSV: field larger than field limit"),
        (_huge, "so it is no list"),
        (_link_out, "list.csv is a link that leaves the data set's folder"),
        (_pipe, "(a pipe, no file)"),
        (_text(HEAD + COMPANY, "utf-16"), "is no UTF-8 text"),
        (_text(HEAD + COMPANY + "a/\0.avi,a,train,\n"), "has NUL bytes"),
        (_text(HEAD + COMPANY + '"a/0.avi,a,train,\n'), "is no CSV: unexpected end of data"),
        (_text("path,label,split,label\n" + COMPANY), "has the column label twice"),
        (_text(HEAD + COMPANY + "a/0.avi\n"), "line 4: a/0.avi has no label"),
        (_text(HEAD + COMPANY + "a/0.avi,  ,train,\n"), "line 4: a/0.avi has no label"),
        (_text(HEAD + COMPANY + "a/0.avi,a,train,b,c\n"), "line 4: it has 5 cells and the file 4"),
        (_text(HEAD + COMPANY + "b/list.m3u8,b,test,\n"), "b/list.m3u8 is listed and is no video"),
        (_text(HEAD + COMPANY + "b/x.ans,b,test,\n"), "is no video by its name"),
        (_text(HEAD + COMPANY + f"{'x' * 5000}.avi,b,test,\n"), "it is too long"),
        (_text(HEAD + COMPANY + f"{'x' * 252}.avi,b,test,\n"), "it is too long"),
        (_text(HEAD + COMPANY + '"b/3\n.avi",b,test,\n'), "a character that no line can show"),
        (_text(HEAD + COMPANY + "b/\u20283.avi,b,test,\n"), "a character that no line can show"),
        (_text(HEAD + COMPANY + "../3.avi,b,test,\n"), "leaves the data set's folder"),
    ],
)
def test_a_list_made_to_harm_is_refused_by_its_fault(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    folder = tree(tmp_path / "raw", "a/0.avi", "b/1.avi", "b/2.avi")
    make(folder)
    sentence = refusal_of(folder)
    assert said in sentence
    assert "secret" not in sentence.replace(f"{tmp_path}/secret", "")


def test_a_manifest_is_one_of_the_data_set_s_own(tmp_path: Path) -> None:
    listed(tmp_path, HEAD + COMPANY)
    for manifest in ("../list.csv", str(tmp_path / "list.csv")):
        with pytest.raises(ValidationError, match="pattern"):
            FolderSource(kind="folder", manifest=manifest, test_share=0.3, seed=0)


def test_a_list_with_a_mark_other_line_ends_and_empty_lines_is_read(tmp_path: Path) -> None:
    tree(tmp_path, "b/1.avi", "b/2.avi")
    text = "\ufeff" + HEAD + '"b/1.avi","b",train,\n\n\nb/2.avi,b,test,,,,\n\n'
    (tmp_path / "list.csv").write_bytes(text.replace("\n", "\r\n").encode())
    assert [video.id for video in from_folder(tmp_path, "list.csv").videos] == [
        "b/1.avi",
        "b/2.avi",
    ]


@pytest.mark.parametrize(
    ("kind", "name", "line"),
    [
        ("hmdb51", "wave_test_split1.txt", "x.m3u8 1"),
        ("ucf101", "trainlist01.txt", "A/x.m3u8 1"),
    ],
)
def test_an_official_list_names_videos_alone(tmp_path: Path, kind, name: str, line: str) -> None:
    root = listed(tree(tmp_path, "a/x.avi"), line, name)
    if kind == "ucf101":
        listed(tmp_path, "A/x.avi", "testlist01.txt")
    with pytest.raises(UserError, match=r"x\.m3u8 is listed and is no video by its name"):
        from_lists(root, kind)


def test_a_list_whose_own_name_no_line_can_show_is_named_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(b"wa\xff\nve_test_split1.txt")
    root = listed(tree(tmp_path, "a/x.avi"), "x.avi\n", name)
    with pytest.raises(UserError, match=r"wa\\udcff\\nve_test_split1\.txt has a line"):
        from_lists(root, "hmdb51")


def test_an_official_list_of_one_endless_line_is_not_repeated(tmp_path: Path) -> None:
    root = listed(tree(tmp_path, "a/x.avi"), "x" * 1_000_000, "wave_test_split1.txt")
    with pytest.raises(UserError, match="has a line 'x") as refusal:
        from_lists(root, "hmdb51")
    assert len(str(refusal.value)) < 1000


# What lies in a folder


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize("name", ["a/x.avi", "a/x.txt", ".hidden/x"])
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "a pipe, no file"),
        (_socket, "a socket, no file"),
        (lambda path: path.symlink_to("/dev/zero"), "a device, no file"),
        (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
        (lambda path: path.symlink_to(path.name), "a link that leads nowhere"),
    ],
)
def test_what_no_one_should_read_is_refused_before_any_work(
    tmp_path: Path,
    make: Callable[[Path], None],
    why: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    tree(Path("raw"), "a/1.avi", "a/2.avi", ".hidden/1.avi")
    make(Path("raw", name))
    assert f"raw/{name} ({why})" in refusal_of(Path("raw"), None)
    with pytest.raises(UserError, match="no one should read"):
        look("set", Path("raw"))


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a/1.avi", "a/2.avi")
    access = os.access
    # for whoever may read everything, too
    monkeypatch.setattr(os, "access", lambda path, how: path.name != "1.avi" and access(path, how))
    assert "a/1.avi (a file that may not be read)" in refusal_of(tmp_path, None)


def test_a_folder_that_cannot_be_listed_does_not_seem_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(folder: Path, onerror: Callable[[OSError], None]) -> list:
        onerror(PermissionError(13, "Permission denied", str(folder)))
        return []

    tree(tmp_path, "a/1.avi", "a/2.avi")
    monkeypatch.setattr(special.os, "walk", walk)
    with pytest.raises(UserError, match="could not be read: Permission denied"):
        from_folder(tmp_path)


def test_a_folder_in_a_video_s_place_is_no_video(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.avi", "a/2.avi", "a/x.avi/notes.txt")
    assert [video.id for video in from_folder(tmp_path).videos] == ["a/1.avi", "a/2.avi"]
