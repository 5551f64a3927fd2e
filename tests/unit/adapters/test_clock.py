"""PostgreSQL's time, learned from answers."""

import pytest

from grantlog.adapters.clock import PostgresClock
from grantlog.core.identifiers import MICROS, Micros
from grantlog.ports import UnavailableError


class Ticks:
    """A monotonic clock that is moved by hand (seconds)."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def clock(ticks: Ticks) -> PostgresClock:
    return PostgresClock(ticks)


def at(seconds: float) -> Micros:
    return Micros(int(seconds * MICROS))


def test_nothing_is_known_before_the_first_answer(clock: PostgresClock) -> None:
    assert not clock.known
    with pytest.raises(UnavailableError):
        clock.now()


def test_it_goes_on_by_its_own_monotonic_clock(clock: PostgresClock, ticks: Ticks) -> None:
    clock.learn(at(5000))
    ticks.seconds += 2.5
    assert clock.known
    assert clock.now() == at(5002.5)


def test_a_slow_answer_does_not_set_it_back(clock: PostgresClock) -> None:
    clock.learn(at(5000), received=1000.0, sent=999.9)
    clock.learn(at(5000), received=1003.0, sent=999.9)
    assert clock.now() == at(5000)


def test_a_fast_answer_brings_it_forward(clock: PostgresClock) -> None:
    clock.learn(at(5000), received=1001.0, sent=999.0)
    assert clock.now() == at(4999)
    clock.learn(at(5000), received=1000.0, sent=999.9)
    assert clock.now() == at(5000)


def test_it_is_never_ahead_of_an_answer_that_was_under_way(clock: PostgresClock, ticks: Ticks) -> None:
    """PostgreSQL's clock is 4000 s ahead of ours, and every answer says so after a delay."""
    for sent, answered, received in ((1000.0, 1000.3, 1000.4), (1001.0, 1001.0, 1004.0), (1005.0, 1005.2, 1005.2)):
        clock.learn(at(answered + 4000), received, sent)
        ticks.seconds = received
        assert clock.now() <= at(received + 4000)


def test_a_clock_that_was_set_back_is_followed(clock: PostgresClock) -> None:
    clock.learn(at(5000), received=1000.0, sent=999.9)
    clock.learn(at(4000), received=1000.0, sent=999.9)
    assert clock.now() == at(4000)


def test_an_old_moment_without_its_question_proves_nothing(clock: PostgresClock) -> None:
    """A beat read from the projection may have been written long ago."""
    clock.learn(at(5000), received=1000.0, sent=999.9)
    clock.learn(at(4000), received=1000.0)
    assert clock.now() == at(5000)


def test_a_clock_that_jumped_forward_is_followed(clock: PostgresClock) -> None:
    clock.learn(at(5000), received=1000.0)
    clock.learn(at(9000), received=1000.0)
    assert clock.now() == at(9000)
