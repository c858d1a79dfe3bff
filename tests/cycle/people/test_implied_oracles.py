# SPDX-License-Identifier: Apache-2.0
"""What intervals and quantiles imply, against closed forms and scipy.stats."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perilscope.beliefs.law import point
from perilscope.book.quantity import parse
from perilscope.cycle.people.implied import interval, levels, quantiles, value_of
from perilscope.errors import MisuseError

Z = float(stats.norm.ppf(0.95))


@given(low=st.floats(1, 1e6), factor=st.floats(1.01, 1e4))
def test_an_interval_of_money_is_the_lognormal_law(low: float, factor: float) -> None:
    low = float(f"{low:.4g}")
    high = float(f"{low * factor:.6g}")
    found = interval(f"{low:.12f}", f"{high:.12f}")
    sigma = math.log(high / low) / (2 * Z)
    law = stats.lognorm(sigma, scale=math.sqrt(low * high))
    assert found["law"] == "lognormal"
    assert found["mean"] == pytest.approx(law.mean(), rel=1e-9)
    assert found["median"] == pytest.approx(math.sqrt(low * high), rel=1e-12)
    assert found["quantiles"]["0.99"] == pytest.approx(law.ppf(0.99), rel=1e-9)
    assert found["mean_at"] == pytest.approx(stats.norm.cdf(sigma / 2), rel=1e-9)
    assert sum(found["picture"]["masses"]) == pytest.approx(0.996, abs=1e-9)


@pytest.mark.parametrize(("sigma", "wide"), [(3.2, False), (3.28, False), (3.30, True), (5, True)])
def test_too_wide_is_where_the_mean_passes_the_95_percent_point(sigma: float, wide: bool) -> None:
    # of a lognormal law: sigma^2 / 2 > z sigma, so sigma > 2 z = 3.29
    high = 1000 * math.exp(2 * Z * sigma)
    found = interval("1000", f"{high:.0f}")
    assert (found["mean"] > found["quantiles"]["0.95"]) is wide
    said = " ".join([*found["notes"], *found["warnings"]])
    assert ("so wide that its mean" in said) is wide


@pytest.mark.parametrize(
    ("low", "high", "narrow"),
    [
        ("100k", "140k", True),
        ("100k", "160k", False),
        ("40 %", "45 %", True),
        ("2 %", "9 %", False),
    ],
)
def test_a_narrow_interval_is_asked_about(low: str, high: str, narrow: bool) -> None:
    assert any(said.startswith("Narrow") for said in interval(low, high)["warnings"]) is narrow


def test_a_probability_is_a_beta_belief() -> None:
    found = interval("2 %", "30 %")
    assert found["law"] == "beta"
    assert found["line"].startswith("vulnerability: {value: belief(2 % to 30 %)")
    shown = {level: found["quantiles"][level] for level in ("0.05", "0.95")}
    assert shown == pytest.approx({"0.05": 0.02, "0.95": 0.3}, rel=1e-8)


@pytest.mark.parametrize(
    ("low", "high"),
    [("1 in 20 years", "1 in 2 years"), ("0.05 per year", "0.5 per year"), ("0.05", "0.5")],
)
def test_a_rate_is_a_belief_per_year(low: str, high: str) -> None:
    found = interval(low, high, kind="rate")
    assert found["text"] == "belief(0.05 to 0.5) per year"
    assert found["median"] == pytest.approx(math.sqrt(0.025), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "dimension"),
    [
        ({"low": "200k", "high": "2.5M"}, "money"),
        ({"low": "20 ETH", "high": "300 ETH"}, "money"),
        ({"low": "2 per month", "high": "9 per month"}, "rate"),
        ({"low": "1 in 50", "high": "1 in 4"}, "probability"),
        ({"low": "3", "high": "40", "kind": "number"}, "number"),
    ],
)
def test_the_text_for_a_book_means_what_was_said(arguments: Any, dimension: str) -> None:
    found = interval(**arguments)
    assert point(parse(found["text"], dimension)) == pytest.approx(found["mean"], rel=1e-9)
    for text, (_, value) in zip((arguments["low"], arguments["high"]), found["given"], strict=True):
        assert value_of(text, dimension) == value


def test_two_quantiles_are_met_and_more_are_fitted() -> None:
    exact = quantiles({0.1: "50k", 0.9: "900k"})
    assert exact["fit"] < 1e-9
    assert quantiles({0.05: "200k", 0.95: "2.5M"})["text"] == "200k to 2.5M"
    # quantiles of a known lognormal law give that law back
    law = stats.lognorm(1.2, scale=3e5)
    given = {p: f"{law.ppf(p):.6f}" for p in (0.05, 0.25, 0.5, 0.75, 0.95)}
    found = quantiles(given)
    assert found["fit"] < 1e-6
    assert found["mean"] == pytest.approx(law.mean(), rel=1e-5)
    assert point(parse(found["text"], "money")) == pytest.approx(found["mean"], rel=1e-9)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: interval("2M", "200k"), "do not rise"),
        (lambda: interval("2M", "2M"), "do not rise"),
        (lambda: interval("0", "2M"), "not above zero"),
        (lambda: interval("1e-20", "1e20"), "leaves everything open"),
        (lambda: interval("-5", "2M"), "negative"),
        (lambda: interval("200k", "5 %"), "share of what"),
        (lambda: interval("5 %", "200k"), "above 1"),
        (lambda: interval("200k", "1 in 5 years"), "rate"),
        (lambda: interval("pert(1, 2, 3)", "200k"), "plain number"),
        (lambda: interval("belief(1 to 2)", "200k"), "plain number"),
        (lambda: interval("2m", "3m"), "`M`"),
        (lambda: interval("1k", "2k", kind="cash"), "no kind"),
        (lambda: interval("10 %", "100 %"), "0 and 1"),
        (lambda: quantiles({0.5: "1k"}), "two quantiles"),
        (lambda: quantiles({0.5: "1k", 0.9: "500"}), "do not rise"),
        (lambda: quantiles({0.5: "1k", 1.0: "2k"}), "between 0 %"),
        (lambda: levels(["5"]), "no quantile"),
        (lambda: levels(["5=1k", "5=2k"]), "twice"),
        (lambda: levels(["x=1k"]), "no quantile"),
    ],
)
def test_what_makes_no_estimate_is_refused(made: Any, says: str) -> None:
    with pytest.raises(MisuseError, match=says):
        made()
