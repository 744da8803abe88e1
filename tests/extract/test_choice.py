"""Videos are drawn evenly from the classes, by seed and id."""

from signal_perception.extract.choice import balanced, of_each_class

LABELS = ["a"] * 5 + ["b"] * 3 + ["c"]
IDS = [f"{label}/{number}" for number, label in enumerate(LABELS)]


def _labels(numbers: list[int]) -> list[str]:
    return [LABELS[number] for number in numbers]


def test_a_number_of_each_class() -> None:
    found = of_each_class(LABELS, IDS, 2, 0, "x")
    assert found == sorted(found)
    assert _labels(found) == ["a", "a", "b", "b", "c"]
    assert of_each_class(LABELS, IDS, None, 0, "x") == list(range(9))


def test_a_balanced_number_goes_round_the_classes() -> None:
    assert sorted(_labels(balanced(LABELS, IDS, 4, 0, "x"))) == ["a", "a", "b", "c"]
    assert sorted(_labels(balanced(LABELS, IDS, 6, 0, "x"))) == ["a", "a", "a", "b", "b", "c"]
    assert balanced(LABELS, IDS, 100, 0, "x") == list(range(9))


def test_the_draw_depends_on_seed_purpose_and_ids_alone() -> None:
    first = balanced(LABELS, IDS, 4, 0, "x")
    assert first == balanced(LABELS, IDS, 4, 0, "x")
    others = [balanced(LABELS, IDS, 4, seed, what) for seed in range(6) for what in "xy"]
    assert any(other != first for other in others)
    # the same videos in another order
    back = balanced(LABELS[::-1], IDS[::-1], 4, 0, "x")
    assert {IDS[::-1][number] for number in back} == {IDS[number] for number in first}
