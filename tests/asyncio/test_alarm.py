from __future__ import annotations

import asyncio
from math import inf
from typing import Any

import pytest

from mailproto.asyncio import serve_smtp
from mailproto.asyncio._alarm import Alarm
from mailproto.smtp import SMTPHandler
from mailproto.sync import SMTPClient
from support_asyncio import run_async
from support_servers import host_and_port


class Clock:
    """A loop whose time is moved by hand, with the timers that were asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any) -> Timer:
        timer = Timer(when, callback)
        self.timers.append(timer)
        return timer

    def go_to(self, now: float) -> None:
        """Let the time pass, and the timers that are due ring."""
        while due := [timer for timer in self.timers if not timer.is_over and timer.when <= now]:
            timer = min(due, key=lambda timer: timer.when)
            self.now = max(self.now, timer.when)
            timer.is_over = True
            timer.callback()
        self.now = now


class Timer:
    def __init__(self, when: float, callback: Any) -> None:
        self.when = when
        self.callback = callback
        self.is_over = False

    def cancel(self) -> None:
        self.is_over = True


class Sleeper:
    """Has one deadline, and notes when it was late."""

    def __init__(self, clock: Clock, deadline: float = inf) -> None:
        self.clock = clock
        self.deadline = deadline
        self.rung: list[float] = []

    def ring(self, now: float) -> float:
        if self.deadline <= now:
            self.rung.append(self.clock.now)
            self.deadline = inf
        return self.deadline


def asleep(*deadlines: float) -> tuple[Clock, Alarm, list[Sleeper]]:
    clock = Clock()
    sleepers = [Sleeper(clock, deadline) for deadline in deadlines]
    alarm = Alarm(clock, sleepers)  # type: ignore[arg-type]  # what it needs of a loop
    for deadline in deadlines:
        alarm.arm(deadline)
    return clock, alarm, sleepers


def test_one_timer_is_enough_for_deadlines_that_come_in_order() -> None:
    clock, _, sleepers = asleep(5, 6, 7, 8)
    assert [timer.when for timer in clock.timers] == [5]
    clock.go_to(20)
    assert [sleeper.rung for sleeper in sleepers] == [[5], [6], [7], [8]]
    assert all(timer.is_over for timer in clock.timers)


def test_an_earlier_deadline_takes_the_place_of_a_later_one() -> None:
    clock, alarm, sleepers = asleep(9, 4)
    assert [(timer.when, timer.is_over) for timer in clock.timers] == [(9, True), (4, False)]
    assert alarm.at == 4
    clock.go_to(10)
    assert [sleeper.rung for sleeper in sleepers] == [[9], [4]]


def test_many_deadlines_in_a_moment_are_looked_at_ten_times_a_second() -> None:
    clock, _, sleepers = asleep(*(5 + number / 1_000 for number in range(1_000)))
    clock.go_to(10)
    assert len(clock.timers) <= 11
    lateness = [sleeper.rung[0] - (5 + number / 1_000) for number, sleeper in enumerate(sleepers)]
    assert min(lateness) >= 0
    assert max(lateness) <= 0.1 + 1e-9


def test_a_deadline_that_was_given_up_rings_nobody() -> None:
    clock, alarm, (early, late) = asleep(5, 9)
    early.deadline = inf
    clock.go_to(8)
    assert (early.rung, alarm.at) == ([], 9)
    clock.go_to(9)
    assert late.rung == [9]
    assert alarm.at == inf


def test_nothing_rings_when_it_is_cancelled() -> None:
    clock, alarm, (sleeper,) = asleep(5)
    alarm.cancel()
    clock.go_to(10)
    assert (sleeper.rung, alarm.at) == ([], inf)
    alarm.arm(11)
    clock.go_to(12)
    assert sleeper.rung == [11]


def test_an_error_of_one_leaves_the_others_their_time() -> None:
    class Broken(Sleeper):
        def ring(self, now: float) -> float:
            if self.deadline <= now:
                self.deadline = inf
                raise RuntimeError("broken")
            return self.deadline

    clock = Clock()
    broken, other = Broken(clock, 5), Sleeper(clock, 6)
    alarm = Alarm(clock, [broken, other])  # type: ignore[arg-type]  # what it needs of a loop
    alarm.arm(5)
    with pytest.raises(RuntimeError, match="broken"):
        clock.go_to(10)
    clock.go_to(10)
    assert other.rung == [6]


@run_async
async def test_a_server_arms_no_timer_for_each_session(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    armed: list[float] = []
    call_at = loop.call_at

    def count(when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        armed.append(when)
        return call_at(when, *args, **kwargs)

    def session(host: str, port: int) -> None:
        with SMTPClient.connect(host, port, tls="none") as smtp:
            smtp.noop()

    async with serve_smtp(SMTPHandler(), "127.0.0.1", 0) as server:
        host, port = host_and_port(server.addresses[0])
        monkeypatch.setattr(loop, "call_at", count)
        for _ in range(5):
            await asyncio.to_thread(session, host, port)
        assert len(armed) == 1
