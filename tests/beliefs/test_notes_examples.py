# SPDX-License-Identifier: Apache-2.0
"""What is said about an estimate's law beside its figures."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from perilscope.beliefs.law import notes, reading
from perilscope.beliefs.notes import warnings
from perilscope.book.quantity import parse

Z = float(stats.norm.ppf(0.95))


def said(text: str, dimension: str = "money") -> tuple[str, ...]:
    return notes(parse(text, dimension))


@pytest.mark.parametrize(
    "text",
    [
        "250k",
        "250k to 8M",
        "lognormal(p5=1k, p95=9k)",
        "gpd(shape=0.9, scale=1k)",
        "empirical(1, 2)",
    ],
)
def test_usual_estimates_need_no_word(text: str) -> None:
    assert said(text) == ()


def test_the_convention_of_pert_is_named_once() -> None:
    assert said("pert(1k, 2k, 9k)") == ("PERT by Vose's form, lambda 4.",)
    assert said("pert(1k, 2k, 9k, lambda=2.5)") == ("PERT by Vose's form, lambda 2.5.",)
    both = "mixture(pert(1k, 2k, 9k): 50 %, pert(1k, 2k, 99k): 50 %)"
    assert said(both) == ("PERT by Vose's form, lambda 4.",)
    assert said("belief(pert(1 %, 2 %, 9 %))", "probability") == ("PERT by Vose's form, lambda 4.",)


def test_how_far_a_fitted_law_misses() -> None:
    """The straight line nearest to three logarithms at levels that lie evenly about the middle."""
    logs = [0.0, math.log(2), math.log(8)]
    middle = sum(logs) / 3
    half = (logs[2] - logs[0]) / 2
    wanted = [middle - half, middle, middle + half]
    error = max(abs(math.exp(a - b) - 1) for a, b in zip(wanted, logs, strict=True))
    (note,) = said("lognormal(p10=1k, p50=2k, p90=8k)")
    assert note.endswith(f"the fitted law misses a quantile by up to {100 * error:.3g} %.")


def test_two_quantiles_are_met() -> None:
    assert said("gamma(p10=1k, p90=8k)") == (
        "`gamma(p10=1k, p90=8k)`: the fitted law meets every quantile.",
    )


def test_the_nearest_family_is_named() -> None:
    (note,) = said("quantiles(p5=10k, p50=100k, p95=1M)")
    assert note == (
        "`quantiles(p5=10k, p50=100k, p95=1M)`: the nearest law, lognormal, meets every quantile."
    )
    (share,) = said("quantiles(p5=10 %, p95=60 %) of desk")
    assert share.startswith("`quantiles(p5=10 %, p95=60 %)`: the nearest law, beta,")


@pytest.mark.parametrize("text", ["1k to {}", "lognormal(p5=1k, p95={})"])
@pytest.mark.parametrize(
    ("sigma", "word"),
    [(1.99, ""), (2.01, "very wide"), (3.28, "very wide"), (3.3, "times its 95th percentile")],
)
def test_wide_intervals(text: str, sigma: float, word: str) -> None:
    high = 1_000 * math.exp(2 * Z * sigma)
    found = said(text.format(f"{high:.9g}"))
    assert len(found) == bool(word)
    assert all(word in note for note in found)
    if sigma > 3.29:  # the mean over the 95th percentile, from the moments of the law
        law = stats.lognorm(sigma)
        assert f"{law.mean() / law.ppf(0.95):.3g} times" in found[0]


def test_raising_the_low_end_lowers_the_mean_of_a_very_wide_law() -> None:
    """The claim of the note, in closed form."""
    for sigma, lowers in ((2.0, True), (1.6, False)):
        means = []
        for low in (1.0, 1.01):
            s = (2 * Z * sigma - math.log(low)) / (2 * Z)
            means.append(math.exp(math.log(low) + Z * s + s * s / 2))
        assert (means[1] < means[0]) is lowers


def test_a_probability_from_a_to_b_is_no_lognormal() -> None:
    assert said("belief(0.01 % to 90 %)", "probability") == ()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("gpd(shape=1, scale=1k)", "gpd(shape=1, scale=1k)"),
        ("spliced(1k to 9k, pareto(0.8, 10k), at=10k)", "pareto(0.8, 10k)"),
        ("mixture(1k: 50 %, pareto(1, 10k): 50 %)", "pareto(1, 10k)"),
    ],
)
def test_a_mean_that_is_infinite(text: str, part: str) -> None:
    (note,) = said(text)
    assert note.startswith(f"`{part}` has no finite mean")
    assert "at_most" in note


def test_nothing_is_said_where_no_law_can_be() -> None:
    assert said("metalog(p1=10k, p50=20k, p99=21k, low=0)") == ()
    assert said("gpd(shape=belief(uniform(0.1, 2)), scale=1k)") == ()


EVERY_FORM = [
    "50k",
    "pert(50k, 400k, 1.55M)",
    "pert(50k, 400k, 1.55M, lambda=2)",
    "triangular(50k, 400k, 1.55M)",
    "uniform(50k, 400k)",
    "normal(400k, 50k)",
    "lognormal(mean=400k, sd=500k)",
    "lognormal(median=50k, p95=200k)",
    "lognormal(mu=12.5, sigma=0.8)",
    "lognormal(p5=50k, p95=200k)",
    "lognormal(p10=50k, p50=80k, p90=200k)",
    "gamma(mean=20k, sd=10k)",
    "gamma(shape=2, scale=10k)",
    "gamma(p10=20k, p90=60k)",
    "exponential(40k)",
    "weibull(1.5, 40k)",
    "weibull(p10=20k, p90=60k)",
    "pareto(2.5, 40k)",
    "gpd(shape=0.3, scale=100k)",
    "gpd(shape=0.3, scale=100k, threshold=50k)",
    "spliced(lognormal(median=50k, p95=200k), gpd(shape=0.4, scale=100k), at=200k)",
    "spliced(gamma(mean=50k, sd=20k), pareto(2.5, 200k), at=200k, above=5 %)",
    "metalog(p10=10k, p50=20k, p90=40k, low=0)",
    "quantiles(p5=20k, p50=60k, p95=400k)",
    "discrete(0: 50 %, 1M: 50 %)",
    "mixture(uniform(1k, 9k): 70 %, lognormal(median=50k, p95=200k): 30 %)",
    "empirical(12k, 40k, 55k)",
    "250k to 8M",
    "belief(lognormal(median=50k, p95=200k))",
    "lognormal(median=belief(pert(30k, 40k, 60k)), p95=250k)",
]


@pytest.mark.parametrize("text", EVERY_FORM)
def test_every_form_a_law_may_be_written_in_has_a_reading_and_notes(text: str) -> None:
    quantity = parse(text, "money")
    assert all(isinstance(each, str) for each in (*notes(quantity), *warnings(quantity)))
    assert reading(quantity).mean > 0.0


@pytest.mark.parametrize(
    ("text", "mean", "mend"),
    [
        ("gamma(0.2, 50k)", 0.2 / 50e3, "write `gamma(shape=0.2, scale=50000)`"),
        ("mixture(gamma(2, 4): 50 %, 5k: 50 %)", 0.5, "write `gamma(shape=2, scale=4)`"),
        ("gamma(shape=0.5, scale=0.5)", 0.25, "k for thousands"),
        ("lognormal(mu=-2, sigma=1)", math.exp(-1.5), "natural logarithm"),
        (
            "0.01 to 0.09",
            stats.lognorm(math.log(9) / (2 * Z), scale=0.03).mean(),
            "k for thousands",
        ),
    ],
)
def test_a_loss_of_less_than_one_unit_is_warned_about(text: str, mean: float, mend: str) -> None:
    (word,) = warnings(parse(text, "money", "USD"), "USD")
    assert f"has a mean of {mean:.3g} USD. " in word
    assert mend in word


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("gamma(shape=0.2, scale=50k)", "money"),
        ("gamma(mean=1.01, sd=2)", "money"),
        ("0.01 to 0.09 ETH", "money"),
        ("0.2 per year", "rate"),
        ("belief(gamma(0.2, 50)) per year", "rate"),
        ("beta(1, 9)", "probability"),
        ("0", "money"),
    ],
)
def test_small_amounts_that_may_be_meant_need_no_word(text: str, dimension: str) -> None:
    assert warnings(parse(text, dimension, "USD"), "USD") == ()


def test_what_is_proposed_for_a_small_loss_can_be_read() -> None:
    (word,) = warnings(parse("gamma(0.2, 50k)", "money", "USD"), "USD")
    proposed = word.split("write `")[1].split("`")[0]
    assert reading(parse(proposed, "money", "USD")).mean == pytest.approx(10_000.0)
