# SPDX-License-Identifier: Apache-2.0
"""The filter of alerts and silences against its differential equation and by hand."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from perilscope.engines.networks.alertfilter import Condition, Detector, Sign, reading
from perilscope.errors import AssessmentError, MisuseError

STREAMS = 1000 if os.environ.get("PERILSCOPE_SEARCH") else 60
PEG = Condition(onset=0.02, clears=0.5)
WATCH = {"watch": Detector(when_true=4.0, when_false=0.2)}
FOUR = [Sign(t, "watch") for t in (1.0, 1.1, 1.3, 1.35)]


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (1.5, 0.8938258365712772),
        (2.0, 0.3480116234849034),
        (3.0, 0.011410240639308905),
        (4.0, 0.004742354993329796),
        (6.0, 0.004648656075778183),
        (10.0, 0.004648638283329127),
    ],
)
def test_the_reference_stream(now: float, wanted: float) -> None:
    """FILTER-01: exact by the matrix exponential, computed elsewhere."""
    found = reading(PEG, WATCH, FOUR, start=0.0, now=now).probability
    assert found == pytest.approx(wanted, abs=1e-10)


def by_equation(
    condition: Condition, detectors: dict[str, Detector], signs: list[Sign], now: float
) -> float:
    """The same by stepping the differential equation from alert to alert."""
    q, r = condition.onset, condition.clears
    l0 = sum(d.when_false for d in detectors.values())
    l1 = sum(d.when_true for d in detectors.values())

    def slope(_t: float, p: list[float]) -> list[float]:
        return [q * (1 - p[0]) - r * p[0] - (l1 - l0) * p[0] * (1 - p[0])]

    p, at = condition.usual, 0.0
    for sign in [*sorted(signs, key=lambda s: s.at), None]:
        until = now if sign is None else sign.at
        if until > at:
            p = float(solve_ivp(slope, (at, until), [p], rtol=1e-12, atol=1e-14).y[0, -1])
        if sign is not None:
            own = detectors[sign.source]
            p = own.when_true * p / (own.when_true * p + own.when_false * (1 - p))
            at = sign.at
    return p


@pytest.mark.parametrize("part", range(4))
def test_random_streams_follow_the_differential_equation(part: int) -> None:
    for seed in range(part, STREAMS, 4):
        rng = np.random.default_rng(seed)
        condition = Condition(*np.exp(rng.uniform(-4, 1, 2)).tolist())
        detectors = {
            name: Detector(*np.exp(rng.uniform(-3, 2, 2)).tolist())
            for name in ("a", "b")[: rng.integers(1, 3)]
        }
        names = list(detectors)
        times = np.sort(rng.uniform(0.0, 4.0, rng.integers(0, 9))).tolist()
        signs = [Sign(t, names[int(rng.integers(len(names)))]) for t in times]
        found = reading(condition, detectors, signs, start=0.0, now=5.0).probability
        assert found == pytest.approx(by_equation(condition, detectors, signs, 5.0), abs=1e-9)


def test_an_outage_makes_silence_say_nothing() -> None:
    """With a heartbeat of an hour the detector is deaf from then on: only persistence is left."""
    deaf = {"watch": Detector(4.0, 0.2, heartbeat=1 / 24)}
    found = reading(PEG, deaf, FOUR, start=1.0, now=6.0).probability
    p = reading(PEG, deaf, FOUR, start=1.0, now=1.35 + 1 / 24).probability
    q, r = PEG.onset, PEG.clears
    faded = PEG.usual + (p - PEG.usual) * math.exp(-(q + r) * (6.0 - 1.35 - 1 / 24))
    assert found == pytest.approx(faded, abs=1e-12)
    assert found > reading(PEG, WATCH, FOUR, start=1.0, now=6.0).probability


def test_a_heartbeat_keeps_silence_telling() -> None:
    beats = [Sign(t / 24, "watch", "alive") for t in range(25, 24 * 6)]
    deaf = {"watch": Detector(4.0, 0.2, heartbeat=1.01 / 24)}
    heard = reading(PEG, deaf, [*FOUR, *beats], start=1.0, now=6.0).probability
    assert heard == pytest.approx(
        reading(PEG, WATCH, FOUR, start=1.0, now=6.0).probability, abs=1e-9
    )


def test_what_was_said_once_fades_with_the_condition_alone() -> None:
    said = [Sign(2.0, "report", "likelihood", likelihood=(0.1, 0.9))]
    at = reading(PEG, {}, said, start=0.0, now=2.0).probability
    odds = PEG.usual / (1 - PEG.usual) * 9
    assert at == pytest.approx(odds / (1 + odds), rel=1e-12)
    later = reading(PEG, {}, said, start=0.0, now=5.0).probability
    assert later == pytest.approx(PEG.usual + (at - PEG.usual) * math.exp(-0.52 * 3.0), abs=1e-13)


def test_what_expires_is_as_if_it_had_never_been() -> None:
    brief = [Sign(s.at, s.source, until=2.0) for s in FOUR]
    assert reading(PEG, WATCH, brief, start=0.0, now=3.0) == reading(
        PEG, WATCH, [], start=0.0, now=3.0
    )


def test_taking_a_sign_back_restores_every_bit_and_order_does_not_matter() -> None:
    more = [*FOUR, Sign(2.0, "report", "likelihood", likelihood=(0.2, 0.7))]
    before = reading(PEG, WATCH, FOUR, start=0.0, now=2.5)
    assert reading(PEG, WATCH, more, start=0.0, now=2.5) != before
    assert reading(PEG, WATCH, more[:-1], start=0.0, now=2.5) == before
    assert reading(PEG, WATCH, FOUR[::-1], start=0.0, now=2.5) == before


def test_a_state_that_is_shown_counts_once_however_often_it_is_repeated() -> None:
    light = {"light": Detector(when_true=0.9, when_false=0.05, heartbeat=1.0)}
    once = [Sign(1.0, "light", "on")]
    often = [Sign(t, "light", "on") for t in (1.0, 1.2, 1.5)]
    odds = PEG.usual / (1 - PEG.usual) * 0.9 / 0.05
    told = reading(PEG, light, once, start=0.0, now=1.5).probability
    assert told == pytest.approx(odds / (1 + odds), rel=1e-12)
    assert reading(PEG, light, often, start=0.0, now=1.5).probability == told
    assert reading(PEG, light, once, start=0.0, now=3.0).probability == pytest.approx(PEG.usual)
    assert reading(PEG, light, often, start=0.0, now=2.4).probability == pytest.approx(told)
    off = [*often, Sign(1.7, "light", "off")]
    odds = PEG.usual / (1 - PEG.usual) * 0.1 / 0.95
    assert reading(PEG, light, off, start=0.0, now=2.0).probability == pytest.approx(
        odds / (1 + odds), rel=1e-12
    )


def test_alerts_of_one_burst_that_say_the_same_count_as_one() -> None:
    instant = [Sign(1.0, "watch"), Sign(1.0, "watch"), Sign(1.0, "watch")]
    same = {"watch": Detector(4.0, 0.2, correlation=1.0, burst=0.1)}
    one = reading(PEG, WATCH, instant[:1], start=0.0, now=1.0).probability
    three = reading(PEG, same, instant, start=0.0, now=1.0).probability
    assert three == pytest.approx(one, rel=1e-12)
    apart = reading(PEG, WATCH, instant, start=0.0, now=1.0).probability
    assert apart > three


def test_no_source_moves_the_odds_beyond_its_cap() -> None:
    held = {"watch": Detector(4.0, 0.2, cap=5.0)}
    found = reading(PEG, held, FOUR, start=0.0, now=1.4)
    odds = PEG.usual / (1 - PEG.usual) * 5.0
    assert found.probability == pytest.approx(odds / (1 + odds), rel=1e-12)
    assert found.by_source == {"watch": 5.0}


def test_the_likelihood_is_of_the_observations_alone() -> None:
    """A network's prior times the likelihood is the filter's figure where both agree before."""
    found = reading(PEG, WATCH, FOUR, start=0.0, now=1.5)
    assert found.without == pytest.approx(PEG.usual, abs=1e-15)
    no, yes = found.likelihood
    p = PEG.usual * yes / (PEG.usual * yes + (1 - PEG.usual) * no)
    assert p == pytest.approx(found.probability, rel=1e-12)
    assert reading(PEG, {}, [], start=0.0, now=9.0).likelihood == (1.0, 1.0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: reading(PEG, WATCH, [], start=2.0, now=1.0), MisuseError, "backwards"),
        (
            lambda: reading(PEG, WATCH, [Sign(1.0, "other")], start=0.0, now=2.0),
            MisuseError,
            "no detector is called 'other'",
        ),
        (
            lambda: reading(PEG, WATCH, [Sign(1.0, "watch", "on")], start=0.0, now=2.0),
            MisuseError,
            "rates are probabilities",
        ),
        (lambda: Condition(0.0, 0.0), MisuseError, "not both zero"),
        (lambda: Detector(-1.0, 1.0), MisuseError, "not negative"),
        (lambda: Detector(1.0, 1.0, cap=0.5), MisuseError, "cap at least 1"),
        (
            lambda: reading(PEG, {"x": Detector(0.0, 0.0)}, [Sign(1.0, "x")], start=0.0, now=2.0),
            AssessmentError,
            "cannot happen",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()  # type: ignore[operator]
