from __future__ import annotations

import threading

import pytest

from mailproto.sync._stores import _LOCKS, call_in_turn


class Store:
    concurrent = False


class ConcurrentStore:
    concurrent = True


def run_both(store: object) -> bool:
    """Return whether two calls into *store* were in progress at once."""
    both = threading.Barrier(2)

    def work() -> bool:
        try:
            both.wait(0.1)
        except threading.BrokenBarrierError:
            return False
        return True

    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(call_in_turn(store, work, ()))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results == [True, True]


def test_one_call_at_a_time() -> None:
    assert not run_both(Store())
    assert _LOCKS == {}


def test_a_store_that_locks_itself() -> None:
    assert run_both(ConcurrentStore())


def test_results_and_errors_come_back() -> None:
    store = Store()
    assert call_in_turn(store, divmod, (7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        call_in_turn(store, divmod, (7, 0))
    assert _LOCKS == {}
