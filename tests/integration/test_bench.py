"""The benchmark's own parts: the load generator notices what is wrong, and everything runs at its smallest."""

import json
from dataclasses import replace
from datetime import date

import pytest
from ops.bench import figures, report
from ops.bench.machine import described
from ops.bench.stage import stage
from ops.bench.windows import Compared, Load, Window, WrongAnswerError, alternate, window
from ops.bench.world import QUICK, world

SMALLEST = replace(
    QUICK, rounds=1, seconds=0.2, tokens=110, strangers=110, families=256, rotations=20, samples=2, logins=4
)
ANSWER = {"body": json.dumps({"active": True}), "headers": {"Content-Type": "application/json"}}


def test_a_window_counts_answers_and_refuses_wrong_ones() -> None:
    with stage() as running:
        port = running.stand_in("bare", ANSWER)
        load = Load(
            "bare", port, "/form", ["token=x"], '"active": true', connections=4, watched=running.watched("bare")
        )
        compared = alternate([load, replace(load, name="read", path="/read")], rounds=2, seconds=0.2, warmup=0.05)
        assert compared.rate("bare") > 0
        assert all(cost > 0 for cost in compared.cost("read").values())
        with pytest.raises(WrongAnswerError, match="wrong body"):
            window(replace(load, expected="inactive"), 0.1, 0)
        with pytest.raises(WrongAnswerError, match="404"):
            window(replace(load, path="/unknown"), 0.1, 0)


def test_a_body_that_is_sent_once_is_sent_once() -> None:
    with stage() as running:
        port = running.stand_in("bare", ANSWER)
        seen = window(Load("once", port, "/form", ["token=x"] * 10, "active", kind="once", connections=4), 0, 0)
        assert seen.rate > 0


def test_a_ratio_is_taken_within_a_round() -> None:
    slow, fast = (Window(rate, 1.0, 1.0, 0.1, {"server": cost}) for rate, cost in ((50.0, 20.0), (100.0, 10.0)))
    compared = Compared({"one": (slow, fast, slow), "other": (fast, fast, fast)})
    assert compared.ratio("one", "other") == (0.5, 0.5, 1.0)
    assert compared.thrift("one", "other") == 0.5


async def test_every_figure_can_be_taken() -> None:
    async with world(SMALLEST) as running:
        found = [
            *figures.introspection(running),
            *figures.issuance(running),
            *figures.login(running),
            *await figures.revocation(running),
            *await figures.memory(running),
        ]
    text = report.markdown(found, described(), date(2026, 1, 1), 1.0)
    assert all(figure.name in text for figure in found)
    assert running.client.client_secret not in text
