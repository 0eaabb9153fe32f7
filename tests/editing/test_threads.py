import threading

import pytest
import torch

from pcvae.editing.threads import by_parts, one_thread


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_comes_back_even_after_an_error():
    @one_thread()
    def interrupted() -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.get_num_threads() == 2


def test_threads_of_python_do_not_leave_each_other_with_one():
    def work() -> None:
        for _ in range(200):
            with one_thread():
                assert torch.get_num_threads() == 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert torch.get_num_threads() == 2


def test_parts_are_made_on_threads_of_their_own_and_come_back_in_order():
    points, seen = torch.arange(4000.0).reshape(1000, 4), []

    def make(part: torch.Tensor) -> torch.Tensor:
        seen.append((threading.get_ident(), torch.get_num_threads(), len(part)))
        return 2 * part

    assert torch.equal(by_parts(make, points), 2 * points)
    assert [threads for _, threads, _ in seen] == [1, 1]
    assert sorted(count for _, _, count in seen) == [500, 500]
    assert threading.get_ident() not in [thread for thread, _, _ in seen]
    assert torch.get_num_threads() == 2
    seen.clear()
    by_parts(make, points[:100])
    assert seen == [(threading.get_ident(), 1, 100)]


def test_an_error_in_a_part_comes_out_and_the_number_of_threads_comes_back():
    with pytest.raises(ZeroDivisionError):
        by_parts(lambda _: 1 / 0, torch.zeros(1000, 4))
    assert torch.get_num_threads() == 2
