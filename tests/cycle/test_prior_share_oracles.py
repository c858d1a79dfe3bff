# SPDX-License-Identifier: Apache-2.0
"""How much of a figure is prior rather than data, against shares reckoned by hand."""

from __future__ import annotations

import pytest

import perilscope
from perilscope.cycle.grades import prior_share, prior_weight, weighed
from perilscope.engines.laws.distributions import Beta, Gamma, Lognormal
from perilscope.learning.update import Learned, Update


def _scenario(**more):
    book = {
        "institution": {"name": "Test"},
        "as_of": "2026-01-31",
        "currency": "USD",
        "assets": {"desk": {"kind": "other"}},
        "scenarios": {"s": {"asset": "desk", **more}},
    }
    return perilscope.declare(book).workspace.book.scenarios["s"]


def _update(prior, posterior, factor="frequency"):
    return Update("s", factor, prior, posterior, "", "", (), 2)


def test_weight_of_a_prior_is_its_part_of_the_posterior_mean():
    """Gamma: m' = w m + (1 - w) k / t. Beta: the same of successes among trials."""
    prior, posterior = Gamma(1.5, 1 / 4.0), Gamma(1.5 + 3, 1 / (4.0 + 8.0))
    w = prior_weight(_update(prior, posterior))
    assert posterior.mean == pytest.approx(w * prior.mean + (1 - w) * 3 / 8.0, rel=1e-12)
    one, two = Beta(2.0, 6.0), Beta(2.0 + 5, 6.0 + 7)
    w = prior_weight(_update(one, two))
    assert two.mean == pytest.approx(w * one.mean + (1 - w) * 5 / 12.0, rel=1e-12)
    same = Lognormal(0.0, 1.0)
    assert prior_weight(_update(same, same)) == 1.0


def test_factors_of_a_scenario_count_alike():
    counted = {"value": "2 per year", "grade": "own data"}
    guessed = {"value": "100k to 1M", "grade": "expert"}
    both = _scenario(frequency=counted, magnitude=guessed)
    assert prior_share(both, Learned()) == 0.5
    assert prior_share(_scenario(frequency="2 per year", magnitude="1M"), Learned()) == 1.0
    believed = _scenario(frequency="belief(gamma(1.5, 4)) per year", magnitude=guessed)
    log = Learned((_update(Gamma(1.5, 1 / 4.0), Gamma(4.5, 1 / 12.0)),))
    assert prior_share(believed, log) == pytest.approx((4 / 12 + 1) / 2, rel=1e-12)
    own = _scenario(frequency=counted, magnitude={**guessed, "grade": "own data"})
    assert prior_share(own, Learned()) == 0.0


def test_share_of_a_figure_is_by_what_each_bears():
    """60 of 100 borne by a scenario that is half prior, 10 by one that is all, 30 by prices."""
    assert weighed({"a": 0.5, "b": 1.0}, {"a": 60.0, "b": 10.0}, 30.0) == pytest.approx(0.4)
    assert weighed({"a": 0.5}, {"a": -60.0}, 60.0) == pytest.approx(0.25)
    assert weighed({"a": 1.0}, {"a": 0.0}) is None


def test_shares_of_a_run_are_by_what_enumerated_outcomes_leave_each():
    """2M in 5 % of years (half of its factors are own data), 1M in 10 % (none is): of the worst 1 %
    half has both and half the first alone, so they bear 2M and 0.5M of 2.5M; and 100k each of ALE.
    """
    own = {"grade": "own data"}
    one = {"asset": "desk", "counts": "at most one a year", "frequency": {"value": "0.05 per year"}}
    two = {**one, "frequency": {"value": "0.1 per year"}, "distinct_because": "another desk"}
    book = {
        "institution": {"name": "Test"},
        "as_of": "2026-01-31",
        "currency": "USD",
        "assets": {"desk": {"kind": "other"}},
        "scenarios": {
            "x": {**one, "frequency": {**one["frequency"], **own}, "magnitude": "2M"},
            "y": {**two, "magnitude": "1M"},
        },
    }
    told = perilscope.quantify(perilscope.declare(book), engine="exact").document
    share = told["enterprise"]["prior_share"]
    assert share["ale"] == pytest.approx((0.5 * 100 + 100) / 200, rel=1e-9)
    assert share["tail"] == pytest.approx((0.5 * 2.0 + 0.5) / 2.5, rel=1e-9)
