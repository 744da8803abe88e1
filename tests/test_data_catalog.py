"""Catalogues from manifests, folders and official split files, and what is said when one of them is wrong."""

from collections import Counter
from pathlib import Path

import pytest

from signal_perception.data.catalog import Catalog, load
from signal_perception.errors import UserError


def tree(root: Path, *videos: str) -> Path:
    for video in videos:
        (root / video).parent.mkdir(parents=True, exist_ok=True)
        (root / video).write_bytes(b"")
    return root


def listed(root: Path, text: str, name: str = "list.csv", newline: str = "\n") -> Path:
    (root / name).write_text(text, newline=newline)
    return root


def catalog(
    root: Path, kind: str = "folder", manifest: str | None = None, split: int = 1, share: float = 0.3, seed: int = 0
) -> Catalog:
    return load("set", root, kind, manifest=manifest, split=split, test_share=share, seed=seed)


FOUR = ("b/1.avi", "b/2.avi", "a/x.mp4", "a/y.MP4")
LINES = "path,label,split,subject\nb/1.avi,b,train,S1\nb/2.avi,b,test,\na/x.mp4,a,test,S2\na/y.MP4,a,train,S1\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_manifest_is_read_as_it_stands(tmp_path, newline):
    found = catalog(listed(tree(tmp_path, *FOUR, "a/unlisted.avi"), LINES, newline=newline), manifest="list.csv")
    assert found.classes == ("a", "b")
    assert [(v.id, v.label, v.split, v.group) for v in found.videos] == [
        ("a/x.mp4", 0, "test", "S2"),
        ("a/y.MP4", 0, "train", "S1"),
        ("b/1.avi", 1, "train", "S1"),
        ("b/2.avi", 1, "test", "b/2.avi"),  # without a group it is its own
    ]
    assert found.videos[0].path == tmp_path / "a/x.mp4"
    assert [v.id for v in found.split("train")] == ["a/y.MP4", "b/1.avi"]


def test_a_group_column_is_preferred_and_a_byte_order_mark_is_no_column(tmp_path):
    text = "﻿path,label,split,subject,group\na/x.mp4,a,train,S1,G\na/y.MP4,a,test,S1,H\n"
    found = catalog(listed(tree(tmp_path, *FOUR), text), manifest="list.csv")
    assert [video.group for video in found.videos] == ["G", "H"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,split\nb/1.avi,train\n", r"lacks the columns label: it has path, split"),
        ("", "lacks the columns path, label, split: it has none"),
        ("path,label,split\n", "lists no videos"),
        (LINES + "../c.avi,a,train,\n", r"line 6: the path '../c.avi' leaves"),
        (LINES + "a/../../c.avi,a,train,\n", "leaves"),
        (LINES + "/etc/passwd,a,train,\n", "leaves"),
        (LINES + ",a,train,\n", "leaves"),
        (LINES + "a/z.mp4,,train,\n", "has no label"),
        (LINES + "a/z.mp4,a,val,\n", "in split 'val': write train or test"),
        (LINES + "a/z.mp4,a,train,\n", r"1 of 5 listed videos are not in .*a/z\.mp4"),
        (LINES + "a/x.mp4,a,train,\n", r"more than once: a/x\.mp4"),
        (LINES.replace("test", "train", 1), "no test video of b"),
        (LINES.replace("train", "test", 1), "no train video of b"),
    ],
)
def test_a_wrong_manifest_is_refused_by_its_fault(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        catalog(listed(tree(tmp_path, *FOUR), text), manifest="list.csv")


def test_missing_things_are_named(tmp_path):
    with pytest.raises(UserError, match="no folder"):
        catalog(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no videos in .*\.avi"):
        catalog(tree(tmp_path, "a/readme.txt", "loose.avi"))
    with pytest.raises(UserError, match="no manifest"):
        catalog(tmp_path, manifest="list.csv")
    with pytest.raises(UserError, match=r"no kind 'tar'.*folder, hmdb51 and ucf101"):
        catalog(tmp_path, "tar")
    (tmp_path / "list.csv").write_bytes(b"path,label,split\n\xff\xfe,a,train\n")
    with pytest.raises(UserError, match="UTF-8"):
        catalog(tmp_path, manifest="list.csv")


def test_folders_are_split_by_the_seed_within_each_class(tmp_path):
    tree(
        tmp_path,
        *(f"{label}/{i}.avi" for label, n in (("a", 10), ("b", 20), ("c", 2)) for i in range(n)),
        "b/more/deep.mkv",
        "a/notes.txt",
    )
    found = catalog(tmp_path, share=0.3)
    counts = Counter((found.classes[video.label], video.split) for video in found.videos)
    assert counts == {
        ("a", "test"): 3,
        ("a", "train"): 7,
        ("b", "test"): 6,
        ("b", "train"): 15,
        ("c", "test"): 1,
        ("c", "train"): 1,
    }
    assert "b/more/deep.mkv" in [video.id for video in found.videos]
    assert catalog(tmp_path, share=0.3) == found
    assert catalog(tmp_path, share=0.3, seed=1) != found
    held = {video.id for video in found.split("test") if video.id.startswith("b")}
    tree(tmp_path, "d/0.avi", "d/1.avi")  # another class changes nothing in this one
    assert held == {video.id for video in catalog(tmp_path, share=0.3).split("test") if video.id.startswith("b")}
    tree(tmp_path, "e/0.avi")
    with pytest.raises(UserError, match=r"e/0\.avi is the only video of class e"):
        catalog(tmp_path)


def test_hmdb51_lists(tmp_path):
    names = (
        "A_day_shake_hands_u_cm_np2_fr_med_0.avi",
        "A_day_shake_hands_u_cm_np2_fr_med_1.avi",
        "#B!_shake_hands_h_nm_np1_ba_goo_3.avi",
    )
    tree(tmp_path, *(f"videos/shake_hands/{name}" for name in names))
    listed(tmp_path, f"{names[0]} 1 \n{names[1]} 0 \n{names[2]} 2 \n", "shake_hands_test_split2.txt")
    found = catalog(tmp_path, "hmdb51", split=2)
    assert [(v.id, v.split, v.group) for v in found.videos] == [
        (f"videos/shake_hands/{names[2]}", "test", "#B!"),
        (f"videos/shake_hands/{names[0]}", "train", "A_day"),
    ]
    assert found.classes == ("shake_hands",)
    with pytest.raises(UserError, match=r"no <class>_test_split1\.txt"):
        catalog(tmp_path, "hmdb51", split=1)
    listed(tmp_path, "what 7\n", "shake_hands_test_split3.txt")
    with pytest.raises(UserError, match=r"expected a video and 0, 1 or 2"):
        catalog(tmp_path, "hmdb51", split=3)
    tree(tmp_path, f"copy/shake_hands/{names[0]}")
    with pytest.raises(UserError, match="both copy/shake_hands/A_day"):
        catalog(tmp_path, "hmdb51", split=2)


def test_ucf101_lists_with_windows_line_ends(tmp_path):
    names = ("HandstandPushups/v_HandStandPushups_g08_c01.avi", "HandstandPushups/v_HandStandPushups_g01_c02.avi")
    tree(tmp_path, *(f"UCF-101/{name}" for name in names))
    listed(tmp_path, f"{names[0]} 37\n", "trainlist01.txt", "\r\n")
    listed(tmp_path, f"{names[1]}\n", "testlist01.txt", "\r\n")
    found = catalog(tmp_path, "ucf101")
    assert [(v.id, v.split, v.group) for v in found.videos] == [
        (f"UCF-101/{names[1]}", "test", "v_HandStandPushups_g01"),
        (f"UCF-101/{names[0]}", "train", "v_HandStandPushups_g08"),
    ]
    (tmp_path / "UCF-101" / names[0]).unlink()
    with pytest.raises(UserError, match=r"1 of 2 listed videos are not in .*v_HandStandPushups_g08_c01\.avi"):
        catalog(tmp_path, "ucf101")


def test_real_gestures(shared):
    found = catalog(shared / "data/gestures", manifest="manifest.csv")
    assert Counter(video.split for video in found.videos) == {"train": 112, "test": 48}
    assert len(found.classes) == 8
    assert {video.group for video in found.split("test")} == {"S08", "S09", "S10"}


@pytest.mark.parametrize(
    ("kind", "folder", "train", "test", "classes"),
    [("hmdb51", "hmdb51", 3570, 1530, 51), ("ucf101", "ucf101", 9537, 3783, 101)],
)
def test_the_official_lists_have_the_official_sizes(shared, tmp_path, kind, folder, train, test, classes):
    source = shared / "data/splits" / folder
    for path in source.rglob("*split*.txt" if kind == "hmdb51" else "*list*.txt"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    videos = []
    for path in tmp_path.glob("*_test_split1.txt" if kind == "hmdb51" else "*list01.txt"):
        for line in path.read_text().splitlines():
            name = line.split()[0]
            videos.append(f"{path.name.removesuffix('_test_split1.txt')}/{name}" if kind == "hmdb51" else name)
    tree(tmp_path, *videos)
    found = catalog(tmp_path, kind)
    assert (len(found.split("train")), len(found.split("test")), len(found.classes)) == (train, test, classes)
    groups = {split: {video.group for video in found.split(split)} for split in ("train", "test")}
    assert not groups["train"] & groups["test"] or kind == "hmdb51"
    assert len(groups["test"]) < test / 2  # clusters, not single videos
