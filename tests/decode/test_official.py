"""HMDB51 and UCF101 by their official lists, wherever they were unpacked."""

from pathlib import Path

import pytest

from signal_perception.decode.official import OFFICIAL
from signal_perception.pipeline.errors import UserError
from tests.support.raw import from_lists, listed, tree


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
