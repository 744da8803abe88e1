"""Catalogues from manifests, folders and official lists, and what is said when one is wrong."""

from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

from signal_perception.decode.catalogue import Catalogue, load_catalogue
from signal_perception.decode.official import OFFICIAL
from signal_perception.decode.settings import FolderSource, OfficialSource
from signal_perception.pipeline.errors import UserError


def tree(root: Path, *videos: str) -> Path:
    for video in videos:
        (root / video).parent.mkdir(parents=True, exist_ok=True)
        (root / video).write_bytes(b"")
    return root


def listed(root: Path, text: str, name: str = "list.csv", newline: str = "\n") -> Path:
    (root / name).write_text(text, newline=newline)
    return root


def from_folder(
    root: Path, manifest: str | None = None, *, share: float = 0.3, seed: int = 0
) -> Catalogue:
    source = FolderSource(kind="folder", manifest=manifest, test_share=share, seed=seed)
    return load_catalogue("set", source, root)


def from_lists(root: Path, kind: Literal["hmdb51", "ucf101"], split: int = 1) -> Catalogue:
    return load_catalogue("set", OfficialSource(kind=kind, split=split), root)


FOUR = ("b/1.avi", "b/2.avi", "a/x.mp4", "a/y.MP4")
LINES = (
    "path,label,split,subject\n"
    "b/1.avi,b,train,S1\nb/2.avi,b,test,\na/x.mp4,a,test,S2\na/y.MP4,a,train,S1\n"
)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_manifest_is_read_as_it_stands(tmp_path, newline):
    found = from_folder(
        listed(tree(tmp_path, *FOUR, "a/unlisted.avi"), LINES, newline=newline), "list.csv"
    )
    assert found.classes == ("a", "b")
    assert [(v.id, v.label, v.split, v.group) for v in found.videos] == [
        ("a/x.mp4", 0, "test", "S2"),
        ("a/y.MP4", 0, "train", "S1"),
        ("b/1.avi", 1, "train", "S1"),
        # without a group it is its own
        ("b/2.avi", 1, "test", "b/2.avi"),
    ]
    assert found.videos[0].path == tmp_path / "a/x.mp4"
    assert [v.id for v in found.split("train")] == ["a/y.MP4", "b/1.avi"]


def test_a_group_column_is_preferred_and_a_byte_order_mark_is_no_column(tmp_path):
    text = "﻿path,label,split,subject,group\na/x.mp4,a,train,S1,G\na/y.MP4,a,test,S1,H\n"
    found = from_folder(listed(tree(tmp_path, *FOUR), text), "list.csv")
    assert [video.group for video in found.videos] == ["G", "H"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,split\nb/1.avi,train\n", r"lacks the columns label; it has path, split"),
        ("", "lacks the columns path, label, split; it has none"),
        ("path,label,split\n", "lists no videos"),
        (LINES + "../c.avi,a,train,\n", r"line 6: the path '../c.avi' leaves"),
        (LINES + "a/../../c.avi,a,train,\n", "leaves"),
        (LINES + "/etc/passwd,a,train,\n", "leaves"),
        (LINES + ",a,train,\n", "leaves"),
        (LINES + "a/z.mp4,,train,\n", "has no label"),
        (LINES + "a/z.mp4,a,val,\n", "in split 'val'; write train or test"),
        (
            LINES + "c/1.mp4,c,train,\nc/2.mp4,c,test,\n",
            r"2 of 6 .* are not in .*c/1\.mp4, c/2\.mp4; that leaves no train video of c",
        ),
        (LINES + "a/x.mp4,a,train,\n", r"more than once: a/x\.mp4"),
        (LINES.replace("test", "train", 1), "no test video of b"),
        (LINES.replace("train", "test", 1), "no train video of b"),
    ],
)
def test_a_wrong_manifest_is_refused_by_its_fault(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        from_folder(listed(tree(tmp_path, *FOUR), text), "list.csv")


def test_a_listed_video_that_is_missing_stays_and_one_that_no_list_names_is_kept_apart(tmp_path):
    tree(tmp_path, *FOUR, "a/other.avi", "loose.mkv", "a/._x.mp4", "a/notes.txt", "b.rar")
    found = from_folder(listed(tmp_path, LINES + "a/z.mp4,a,train,\n"), "list.csv")
    assert [video.id for video in found.videos if not video.path.is_file()] == ["a/z.mp4"]
    assert found.unlisted == ("a/other.avi", "loose.mkv")
    assert from_folder(tree(tmp_path / "again", *FOUR)).unlisted == ()
    with pytest.raises(UserError, match="4 of 4 listed videos are not in"):
        from_folder(listed(tree(tmp_path / "none", "c/x.avi"), LINES), "list.csv")


def test_a_link_may_not_leave_the_folder_but_the_folder_may_be_a_link(tmp_path):
    listed(tree(tmp_path / "real", *FOUR), LINES)
    (tmp_path / "root").symlink_to(tmp_path / "real", target_is_directory=True)
    assert from_folder(tmp_path / "root", "list.csv").videos[0].id == "a/x.mp4"
    video = tmp_path / "real/a/x.mp4"
    for target, fine in (
        ("real/b/3.avi", True),
        ("cache/files/md5/0a/" + "b" * 30, True),
        ("realm/x.mp4", False),
    ):
        tree(tmp_path, target)
        video.unlink()
        video.symlink_to(tmp_path / target)
        if fine:
            from_folder(tmp_path / "root", "list.csv")
        else:
            with pytest.raises(
                UserError, match=r"a/x\.mp4 is a link that leaves the data set's folder, to .*realm"
            ):
                from_folder(tmp_path / "root", "list.csv")


@pytest.mark.parametrize(
    ("kind", "name", "line"),
    [
        ("hmdb51", "wave_test_split1.txt", "../x.avi 1"),
        ("hmdb51", "wave_test_split1.txt", "/etc/x.avi 0"),
        ("ucf101", "trainlist01.txt", "../x.avi 1"),
        ("ucf101", "trainlist01.txt", "A/../../x.avi"),
        ("folder", "list.csv", "label,youtube_id,split\na,../x,train"),
    ],
)
def test_no_list_leads_out_of_the_folder(tmp_path, kind, name, line):
    root = listed(tree(tmp_path, "a/x.avi"), line, name)
    with pytest.raises(UserError, match="leaves the data set's folder"):
        if kind == "folder":
            from_folder(root, "list.csv")
        else:
            from_lists(root, kind)


def test_missing_things_are_named(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        from_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"there are no videos in .*\.avi"):
        from_folder(tree(tmp_path, "a/readme.txt", "loose.avi"))
    with pytest.raises(UserError, match="there is no manifest"):
        from_folder(tmp_path, "list.csv")
    (tmp_path / "list.csv").write_bytes(b"path,label,split\n\xff\xfe,a,train\n")
    with pytest.raises(UserError, match="UTF-8"):
        from_folder(tmp_path, "list.csv")


def test_folders_are_split_by_the_seed_within_each_class(tmp_path):
    tree(
        tmp_path,
        *(f"{label}/{i}.avi" for label, n in (("a", 10), ("b", 20), ("c", 2)) for i in range(n)),
        "b/more/deep.mkv",
        "a/notes.txt",
    )
    found = from_folder(tmp_path, share=0.3)
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
    assert from_folder(tmp_path, share=0.3) == found
    assert from_folder(tmp_path, share=0.3, seed=1) != found
    held = {video.id for video in found.split("test") if video.id.startswith("b")}
    # another class changes nothing in this one
    tree(tmp_path, "d/0.avi", "d/1.avi")
    assert held == {
        video.id
        for video in from_folder(tmp_path, share=0.3).split("test")
        if video.id.startswith("b")
    }
    tree(tmp_path, "e/0.avi")
    with pytest.raises(UserError, match=r"e/0\.avi is the only video of class e"):
        from_folder(tmp_path)


def test_hmdb51_lists(tmp_path):
    names = (
        "A_day_shake_hands_u_cm_np2_fr_med_0.avi",
        "A_day_shake_hands_u_cm_np2_fr_med_1.avi",
        "#B!_shake_hands_h_nm_np1_ba_goo_3.avi",
    )
    tree(tmp_path, *(f"videos/shake_hands/{name}" for name in names))
    listed(
        tmp_path, f"{names[0]} 1 \n{names[1]} 0 \n{names[2]} 2 \n", "shake_hands_test_split2.txt"
    )
    found = from_lists(tmp_path, "hmdb51", split=2)
    assert [(v.id, v.split, v.group) for v in found.videos] == [
        (f"videos/shake_hands/{names[2]}", "test", "#B!"),
        (f"videos/shake_hands/{names[0]}", "train", "A_day"),
    ]
    assert found.classes == ("shake_hands",)
    with pytest.raises(UserError, match=r"there is no <class>_test_split1\.txt"):
        from_lists(tmp_path, "hmdb51", split=1)
    listed(tmp_path, "what 7\n", "shake_hands_test_split3.txt")
    with pytest.raises(UserError, match=r"each is a video and 0, 1 or 2; unpack"):
        from_lists(tmp_path, "hmdb51", split=3)
    # the one with 0 is listed, for neither part
    assert found.unlisted == ()
    tree(tmp_path, f"copy/shake_hands/{names[0]}")
    with pytest.raises(UserError, match="both copy/shake_hands/A_day"):
        from_lists(tmp_path, "hmdb51", split=2)


# names as the official lists have them
SPECIAL = (
    "#122_Wave_And_Say_Hi_wave_u_nm_np1_fr_med_1.avi",
    "50_FIRST_DATES_wave_f_cm_np1_fr_med_36.avi",
    "Geena_und_die_Radschl_ge___;-)_wave_f_cm_np1_fr_med_2.avi",
    "Fun!_[x]_(a)&b'c+d@e~f_wave_f_cm_np1_le_goo_0.avi",
)


@pytest.mark.parametrize("place", ["", "wave/", "hmdb51_org/wave/", "videos/all/"])
def test_hmdb51_is_found_where_people_unpack_it(tmp_path, place):
    tree(
        tmp_path,
        *(place + name for name in SPECIAL),
        "wave.rar",
        "hmdb51_org/wave.rar",
        "__MACOSX/wave/._x.avi",
    )
    text = "".join(f"{name} {1 + i % 2} \n" for i, name in enumerate(SPECIAL))
    # a second copy of a list does no harm, unless it differs
    for folder in ("testTrainMulti_7030_splits", "copy"):
        listed(tree(tmp_path, f"{folder}/x.txt") / folder, text, "wave_test_split1.txt", "\r\n")
    listed(tmp_path / "copy", "Mac metadata", "._wave_test_split1.txt")
    found = from_lists(tmp_path, "hmdb51")
    assert {video.id for video in found.videos} == {place + name for name in SPECIAL}
    assert found.unlisted == ()
    listed(tmp_path / "copy", text * 2, "wave_test_split1.txt")
    with pytest.raises(
        UserError, match=r"copy/wave_test_split1\.txt and .* differ; keep the official one"
    ):
        from_lists(tmp_path, "hmdb51")


def test_a_class_folder_of_another_name_is_searched_by_file_name(tmp_path):
    names = (
        "HandstandPushups/v_HandStandPushups_g08_c01.avi",
        "HandstandPushups/v_HandStandPushups_g01_c02.avi",
    )
    tree(
        tmp_path,
        *(name.replace("HandstandPushups/", "HandStandPushups/") for name in names),
        "v_Other_g01_c01.avi",
    )
    listed(listed(tmp_path, names[0], "trainlist01.txt"), names[1], "testlist01.txt")
    found = from_lists(tmp_path, "ucf101")
    assert all(video.path.is_file() for video in found.videos)
    assert found.classes == ("HandstandPushups",)
    assert found.unlisted == ("v_Other_g01_c01.avi",)
    tree(tmp_path, f"elsewhere/{Path(names[0]).name}")
    with pytest.raises(UserError, match="could be meant"):
        from_lists(tmp_path, "ucf101")


def test_lists_of_kinetics(tmp_path):
    tree(
        tmp_path,
        "train/using segway/abc-_123.mp4",
        "val/xyz_000007_000017.mkv",
        "xyz_000020_000030.mp4",
        "test/last.mp4",
        "more.webm",
    )
    head = "label,youtube_id,time_start,time_end,split,is_cc\n"
    lines = head + (
        "using segway,abc-_123,3,13,train,0\n"
        "using segway,xyz,7,17,{},0\n"
        "using segway,gone,1,11,train,0\n"
    )
    for part in ("val", "validate", "test"):
        found = from_folder(listed(tmp_path, lines.format(part)), "list.csv")
        assert [(video.id, video.split, video.group) for video in found.videos] == [
            ("train/using segway/abc-_123.mp4", "train", "train/using segway/abc-_123.mp4"),
            ("using segway/gone_000001_000011.mp4", "train", "using segway/gone_000001_000011.mp4"),
            ("val/xyz_000007_000017.mkv", "test", "val/xyz_000007_000017.mkv"),
        ]
        assert found.unlisted == ("more.webm", "test/last.mp4", "xyz_000020_000030.mp4")
    found = from_folder(
        listed(tmp_path, lines.format("val") + "using segway,last,1,2,test,0\n"), "list.csv"
    )
    assert [video.id for video in found.split("test")] == ["test/last.mp4"]
    assert "val/xyz_000007_000017.mkv" not in found.unlisted
    for wrong, message in (
        ("youtube_id,split\nabc,test\n", "lacks label"),
        (head, "lacks lines"),
        (lines.format("dev"), "split 'dev'; write a label and train, test or val"),
        (
            lines.format("val").replace("7,17", "7.5,17"),
            "line 3: xyz has a time that is no whole number",
        ),
    ):
        with pytest.raises(UserError, match=message):
            from_folder(listed(tmp_path, wrong), "list.csv")


def test_ucf101_lists_with_windows_line_ends(tmp_path):
    names = (
        "HandstandPushups/v_HandStandPushups_g08_c01.avi",
        "HandstandPushups/v_HandStandPushups_g01_c02.avi",
    )
    tree(tmp_path, *(f"UCF-101/{name}" for name in names))
    listed(tmp_path, f"{names[0]} 37\n", "trainlist01.txt", "\r\n")
    listed(tmp_path, f"{names[1]}\n", "testlist01.txt", "\r\n")
    found = from_lists(tmp_path, "ucf101")
    assert [(v.id, v.split, v.group) for v in found.videos] == [
        (f"UCF-101/{names[1]}", "test", "v_HandStandPushups_g01"),
        (f"UCF-101/{names[0]}", "train", "v_HandStandPushups_g08"),
    ]
    (tmp_path / "UCF-101" / names[0]).unlink()
    with pytest.raises(
        UserError, match=r"1 of 2 listed videos are not in .*v_HandStandPushups_g08_c01\.avi"
    ):
        from_lists(tmp_path, "ucf101")


def test_real_gestures(shared):
    found = from_folder(shared / "data/gestures", "manifest.csv")
    assert Counter(video.split for video in found.videos) == {"train": 112, "test": 48}
    assert len(found.classes) == 8
    assert {video.group for video in found.split("test")} == {"S08", "S09", "S10"}


@pytest.mark.parametrize("split", [1, 2, 3])
@pytest.mark.parametrize("kind", ["hmdb51", "ucf101"])
def test_the_official_lists_have_the_official_sizes(shared, kind, split):
    source = shared / "data/splits" / kind
    if kind == "hmdb51":
        paths = source.rglob(f"*_test_split{split}.txt")
        uses = [line.split()[1] for path in paths for line in path.read_text().splitlines()]
        found = (uses.count("1"), uses.count("2"))
    else:
        paths = [next(source.rglob(f"{part}list0{split}.txt")) for part in ("train", "test")]
        found = tuple(len(path.read_text().splitlines()) for path in paths)
    assert found == OFFICIAL[kind][1][split]


@pytest.mark.parametrize(
    ("kind", "train", "test", "classes"), [("hmdb51", 3570, 1530, 51), ("ucf101", 9537, 3783, 101)]
)
def test_the_official_lists_are_read_in_full_and_a_truncated_one_is_refused(
    shared, tmp_path, kind, train, test, classes
):
    source = shared / "data/splits" / kind
    for path in source.rglob("*split*.txt" if kind == "hmdb51" else "*list*.txt"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    videos = []
    for path in tmp_path.glob("*_test_split1.txt" if kind == "hmdb51" else "*list01.txt"):
        for line in path.read_text().splitlines():
            name = line.split()[0]
            videos.append(
                f"{path.name.removesuffix('_test_split1.txt')}/{name}" if kind == "hmdb51" else name
            )
    tree(tmp_path, *videos)
    found = from_lists(tmp_path, kind)
    assert (len(found.split("train")), len(found.split("test")), len(found.classes)) == (
        train,
        test,
        classes,
    )
    groups = {split: {video.group for video in found.split(split)} for split in ("train", "test")}
    assert not groups["train"] & groups["test"] or kind == "hmdb51"
    # clusters, not single videos
    assert len(groups["test"]) < test / 2
    victim = next(tmp_path.glob("wave_test_split1.txt" if kind == "hmdb51" else "trainlist01.txt"))
    victim.write_bytes(victim.read_bytes()[: -victim.stat().st_size // 3].rpartition(b"\n")[0])
    with pytest.raises(
        UserError, match=f"name .* test videos, but the official ones {train} and {test}; unpack"
    ):
        from_lists(tmp_path, kind)
