"""Catalogues from manifests and folders, and what is said when one is wrong."""

from collections import Counter

import pytest

from signal_perception.pipeline.errors import UserError
from tests.support.raw import from_folder, from_lists, listed, tree

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


def test_a_link_may_not_leave_the_folder_but_for_the_cache_and_the_folder_may_be_a_link(tmp_path):
    # the cache may lie anywhere, as the project's own configuration of DVC says
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text(
        "[core]\n    no_scm = True\n[cache]\n    dir = ../cache\n"
    )
    listed(tree(tmp_path / "real", *FOUR), LINES)
    (tmp_path / "root").symlink_to(tmp_path / "real", target_is_directory=True)
    assert from_folder(tmp_path / "root", "list.csv").videos[0].id == "a/x.mp4"
    video = tmp_path / "real/a/x.mp4"
    for target, fine in (
        ("real/b/3.avi", True),
        ("cache/files/md5/0a/" + "b" * 30, True),
        # what merely looks like a cache is none
        ("realm/files/md5/0a/" + "b" * 30, False),
        ("cache/files/realm/md5/0a/" + "b" * 30, False),
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


def test_real_gestures(shared):
    found = from_folder(shared / "data/gestures", "manifest.csv")
    assert Counter(video.split for video in found.videos) == {"train": 112, "test": 48}
    assert len(found.classes) == 8
    assert {video.group for video in found.split("test")} == {"S08", "S09", "S10"}
