"""Reading ahead and writing behind give what a plain loop gives, and bound what waits."""

import threading
import time

import pytest

from signal_perception.inference.ahead import WriteBehind, read_ahead


def test_results_come_in_order_and_few_are_read_before_they_are_asked_for() -> None:
    read = []

    def square(number: int) -> int:
        read.append(number)
        return number**2

    results = read_ahead(square, range(20), ahead=2)
    for number in range(5):
        assert next(results) == number**2
        time.sleep(0.02)
        assert len(read) <= number + 4
    assert list(results) == [number**2 for number in range(5, 20)]


def test_an_error_of_reading_comes_where_its_result_would() -> None:
    def fail(number: int) -> int:
        if number == 2:
            raise ValueError("damaged")
        return number

    results = read_ahead(fail, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="damaged"):
        next(results)


def test_one_write_is_at_work_and_none_waits() -> None:
    at_work, most, done = 0, 0, []
    lock = threading.Lock()

    def work(number: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.01)
        with lock:
            at_work -= 1
        done.append(number)

    with WriteBehind() as writer:
        for number in range(5):
            writer.write(lambda number=number: work(number))
            assert len(done) >= number - 1
    assert done == [0, 1, 2, 3, 4]
    assert most == 1


def test_an_error_of_writing_is_raised_by_the_next_call_or_at_the_end() -> None:
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), WriteBehind() as writer:
        writer.write(fail)
    with WriteBehind() as writer:
        writer.write(fail)
        with pytest.raises(OSError, match="full"):
            writer.write(lambda: None)


def test_an_error_of_the_work_itself_is_not_hidden_by_one_of_writing() -> None:
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(KeyError, match="own"), WriteBehind() as writer:
        writer.write(fail)
        raise KeyError("own")
