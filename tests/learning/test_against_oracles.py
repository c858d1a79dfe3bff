# SPDX-License-Identifier: Apache-2.0
"""Tail probabilities against scipy.stats, and their integral over a belief."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from perilscope.engines.laws.distributions import Gamma
from perilscope.learning.against import binomial_tail, poisson_tail, rate_against, share_against


@settings(deadline=None, max_examples=60)
@given(events=st.integers(0, 60), mean=st.floats(0, 50))
def test_poisson_tails(events: int, mean: float) -> None:
    assert poisson_tail(events, mean, True) == pytest.approx(
        stats.poisson.sf(events - 1, mean), rel=1e-9, abs=1e-300
    )
    assert poisson_tail(events, mean, False) == pytest.approx(
        stats.poisson.cdf(events, mean), rel=1e-9, abs=1e-300
    )


@settings(deadline=None, max_examples=60)
@given(trials=st.integers(1, 60), share=st.floats(0, 1), data=st.data())
def test_binomial_tails(trials: int, share: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    assert binomial_tail(successes, trials, share, True) == pytest.approx(
        stats.binom.sf(successes - 1, trials, share), rel=1e-9, abs=1e-12
    )
    assert binomial_tail(successes, trials, share, False) == pytest.approx(
        stats.binom.cdf(successes, trials, share), rel=1e-9, abs=1e-12
    )


def test_a_gamma_belief_gives_the_negative_binomial_predictive() -> None:
    nodes, weights = Gamma(2.0, 0.1).gauss(32)
    points = list(zip(weights.tolist(), nodes.tolist(), strict=True))
    found = rate_against("theft", "frequency", "a belief", points, 3, 5.0)
    assert found.probability == pytest.approx(stats.nbinom.sf(2, 2, 10 / 15), rel=1e-10)
    assert found.expected == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("events", "years", "says"),
    [
        (0, 5.0, "in 5 years 1 event was expected and none was seen. None would be seen in 37 %"),
        (1, 5.0, "1 event was expected and 1 was seen. As many or more would be seen in 63 %"),
        (9, 5.0, "9 were seen. As many or more would be seen in less than 0.1 % of cases."),
        (1, 20.0, "4 events were expected and 1 was seen. As few or fewer would be seen in 9.2 %"),
    ],
)
def test_the_sentence_says_which_way_it_missed(events: int, years: float, says: str) -> None:
    found = rate_against("theft", "frequency", "1 in 5 years", [(1.0, 0.2)], events, years)
    assert says in found.sentence


def test_a_share_of_one_case() -> None:
    found = share_against("a", "frequency.vulnerability", "10 %", [(1.0, 0.1)], 0, 1)
    assert found.sentence == (
        "a: vulnerability is declared as 10 %; of 1 case 0.1 were expected to succeed and none was "
        "seen to. None would be seen in 90 % of cases."
    )
