# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for every distribution: limited means, inverses, nodes, arrays of parameters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    GeneralisedPareto,
    Layered,
    Lognormal,
    Metalog,
    Mixture,
    Normal,
    Pareto,
    Retained,
    Scaled,
    Sometimes,
    Spliced,
    Total,
    Triangular,
    Uniform,
    Weibull,
)
from perilscope.engines.laws.law import stack
from perilscope.errors import MisuseError

size = st.floats(0.3, 50)
shape = st.floats(0.4, 8)
share = st.floats(0.05, 0.95)


@st.composite
def ends(draw: st.DrawFn) -> tuple[float, float, float]:
    low, up, further = draw(size), draw(size), draw(size)
    return low, low + up, low + up + further


smooth = st.one_of(
    st.builds(lambda e: Uniform(e[0], e[2]), ends()),
    st.builds(lambda e: Triangular(*e), ends()),
    st.builds(Normal, st.floats(-20, 50), size),
    st.builds(Lognormal, st.floats(-2, 8), st.floats(0.1, 1.5)),
    st.builds(Beta, shape, shape),
    st.builds(lambda e: Beta.pert(*e), ends()),
    st.builds(Gamma, shape, size),
    st.builds(Exponential, size),
    st.builds(Weibull, shape, size),
    st.builds(Pareto, st.floats(2.2, 8), size),
    st.builds(GeneralisedPareto, st.floats(-1.5, 0.45), size, st.floats(-5, 50)),
    st.builds(
        lambda a, b, c: Metalog((a, b, b * c)), st.floats(-20, 50), size, st.floats(-1.5, 1.5)
    ),
    st.builds(
        lambda a, b, c, low: Metalog((a, b, b * c), low),
        st.floats(-2, 5),
        st.floats(0.05, 0.25),
        st.floats(-1.5, 1.5),
        st.floats(0, 20),
    ),
    st.builds(
        lambda a, b, c, e: Metalog((a, b, b * c, b), e[0], e[1]),
        st.floats(-2, 2),
        st.floats(0.1, 2),
        st.floats(-0.5, 0.5),
        ends(),
    ),
)
positive = smooth.filter(lambda law: law.support[0] >= 0)
atoms = st.one_of(
    st.builds(Constant, size),
    st.builds(
        lambda v, w: Discrete(v, np.array(w) / sum(w)),
        st.lists(size, min_size=3, max_size=3),
        st.lists(st.floats(0.1, 1), min_size=3, max_size=3),
    ),
)


def covered(kind: type, law: Distribution, u: float, v: float, part: float) -> Distribution:
    start = float(law.ppf(u))
    return kind(law, start, float(law.ppf(u + (1 - u) * v)) - start + 1e-3, part)


def spliced(body: Distribution, tail: Distribution, u: float, above: float) -> Distribution:
    """The tail moved by no more than a factor so that it reaches beyond the point of the splice."""
    at = max(float(body.ppf(u)), 0.01)
    reach = float(tail.ppf(0.7))
    return Spliced(body, tail if reach > at else Uniform(at, at + 3), at, above)


composite = st.one_of(
    st.builds(Scaled, smooth, st.floats(0.1, 5)),
    st.builds(lambda law, u: Capped(law, float(law.ppf(u))), smooth, share),
    st.builds(Sometimes, share, positive),
    st.builds(lambda p, a, b: Mixture((p, 1 - p), (a, b)), share, smooth, positive),
    st.builds(lambda p, a, b: Mixture((p, 1 - p), (a, b)), share, atoms, positive),
    st.builds(Scaled, st.builds(Sometimes, share, positive), st.floats(0.1, 5)),
    st.builds(covered, st.sampled_from([Layered, Retained]), positive | atoms, share, share, share),
    st.builds(covered, st.sampled_from([Layered, Retained]), positive, share, share, st.just(1.0)),
    st.builds(lambda law, u: Layered(law, float(law.ppf(u)), np.inf), positive, share),
    st.builds(spliced, smooth, smooth, share, share),
    st.builds(lambda law, u: Spliced.continued(law, law, float(law.ppf(u))), smooth, share),
)
anything = st.one_of(smooth, atoms, composite)
LEVELS = np.array([0.01, 0.2, 0.5, 0.77, 0.95, 0.99])


def kinks(law: Distribution) -> list[float]:
    """Where the distribution function jumps or bends."""
    parts = getattr(law, "parts", ()) or ((law.of,) if hasattr(law, "of") else ())
    if isinstance(law, Layered | Retained):
        bends = np.array([*kinks(law.of), law.deductible, law.deductible + law.limit])
        return [0.0, *law.bears(bends[np.isfinite(bends)]).tolist()]
    if isinstance(law, Spliced):
        return [*kinks(law.body), *kinks(law.tail), law.at]
    inner = [x * getattr(law, "factor", 1.0) for part in parts for x in kinks(part)]
    own = [*law.support, getattr(law, "mode", 0.0), *getattr(law, "values", ())]
    return [0.0, *inner, *own]


def scale_of(law: Distribution) -> float:
    return float(np.sqrt(law.second)) + 1e-9


@given(anything)
def test_the_limited_mean_tends_to_the_mean_and_its_square_to_the_second_moment(law):
    assert float(law.lev(np.inf)) == pytest.approx(law.mean, rel=1e-12, abs=1e-12 * scale_of(law))
    assert float(law.second_lev(np.inf)) == pytest.approx(law.second, rel=1e-11)


@given(anything)
def test_the_slope_of_the_limited_mean_is_survival(law):
    # the integral of survival over a stretch is what the limited mean gains there
    low, high = (float(law.ppf(u)) for u in (0.02, 0.98))
    if high - low < 1e-9 * scale_of(law):
        return
    t, w = np.polynomial.legendre.leggauss(40)
    between = [x for x in (*kinks(law), *law.ppf(np.linspace(0.02, 0.98, 65))) if low < x < high]
    jumps = np.unique([low, *between, high])
    total = second = 0.0
    for a, b in pairwise(jumps):
        x = a + (b - a) * (t + 1) / 2
        survival = 1 - law.cdf(x)
        total += float(np.sum(w * survival)) * (b - a) / 2
        second += float(np.sum(w * 2 * x * survival)) * (b - a) / 2
    gained = float(law.lev(high) - law.lev(low))
    assert gained == pytest.approx(total, rel=1e-6, abs=1e-9 * scale_of(law))
    squared = float(law.second_lev(high) - law.second_lev(low))
    assert squared == pytest.approx(second, rel=1e-6, abs=1e-9 * law.second)


@given(anything)
def test_below_the_support_the_limit_itself_is_what_remains(law):
    low = law.support[0]
    if np.isfinite(low):
        x = np.array([low - 3.0, low - 0.5])
        np.testing.assert_allclose(law.lev(x), x, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(law.second_lev(x), x**2, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(law.cdf(x), 0.0)


@given(anything)
def test_the_limited_mean_rises_and_bends_down(law):
    x = np.linspace(float(law.ppf(0.001)) - 1, float(law.ppf(0.999)) + 1, 257)
    slopes = np.diff(law.lev(x)) / (x[1] - x[0])
    tolerance = 1e-9 * max(1.0, scale_of(law) / (x[1] - x[0]))
    assert np.all(slopes >= -tolerance)
    assert np.all(slopes <= 1 + tolerance)
    assert np.all(np.diff(slopes) <= tolerance)


@given(smooth)
def test_quantiles_invert_the_distribution_function(law):
    np.testing.assert_allclose(law.cdf(law.ppf(LEVELS)), LEVELS, rtol=1e-9)


@given(anything)
def test_a_quantile_is_the_smallest_value_that_reaches_its_level(law):
    x = law.ppf(LEVELS)
    assert np.all(law.cdf(x + 1e-9 * scale_of(law)) >= LEVELS - 1e-9)
    assert np.all(law.cdf(x - 1e-7 * scale_of(law)) <= LEVELS + 1e-9)
    assert np.all(np.diff(x) >= 0)


@given(anything, st.integers(2, 24))
def test_nodes_carry_weight_one(law, n):
    nodes, weights = law.gauss(n)
    assert nodes.shape == weights.shape
    assert np.all(weights >= 0)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-12)


@given(
    st.one_of(
        st.builds(lambda e: Uniform(e[0], e[2]), ends()),
        st.builds(lambda e: Triangular(*e), ends()),
        st.builds(Normal, st.floats(-20, 50), size),
        st.builds(Beta, shape, shape),
        st.builds(Gamma, shape, size),
        st.builds(Exponential, size),
        atoms,
    )
)
def test_gauss_nodes_give_the_moments_exactly(law):
    nodes, weights = law.gauss(6)
    assert float(np.sum(weights * nodes)) == pytest.approx(law.mean, rel=1e-9, abs=1e-10)
    assert float(np.sum(weights * nodes**2)) == pytest.approx(law.second, rel=1e-9)


@given(st.floats(0.02, 0.98), anything)
def test_scaling_capping_and_mixing_agree_with_the_formulas(p, law):
    x = law.ppf(LEVELS)
    np.testing.assert_allclose(Scaled(law, 2.0).lev(2 * x), 2 * law.lev(x), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(
        Mixture((p, 1 - p), (law, law)).lev(x), law.lev(x), rtol=1e-10, atol=1e-9
    )
    cap = float(law.ppf(p))
    assert Capped(law, cap).mean == pytest.approx(float(law.lev(cap)), rel=1e-12)


@settings(max_examples=40)
@given(st.lists(st.one_of(positive, st.builds(Sometimes, share, positive)), min_size=2, max_size=3))
def test_a_total_keeps_mean_and_spread(parts):
    law = Total(tuple(parts))
    assert law.mean == pytest.approx(sum(part.mean for part in parts), rel=1e-12)
    assert law.variance == pytest.approx(sum(part.variance for part in parts), rel=1e-12)
    assert float(law.lev(np.inf)) == pytest.approx(law.mean, rel=1e-5)
    x = law.support[0] + np.linspace(0, 3 * law.mean, 400)
    slopes = np.diff(law.lev(x)) / (x[1] - x[0])
    assert np.all(np.diff(slopes) <= 1e-8)
    f = law.cdf(x)
    assert np.all(np.diff(f) >= 0)
    assert np.all((f >= 0) & (f <= 1))


@settings(max_examples=60)
@given(anything, st.integers(0, 2**32))
def test_draws_have_the_law(law, seed):
    # the largest gap to the distribution function; beyond 2.6 once in some 700,000 times
    n = 4000
    x = np.sort(law.sample(np.random.default_rng(seed), n))
    below, up_to = law.cdf(x - 1e-9 * scale_of(law)), law.cdf(x + 1e-9 * scale_of(law))
    ranks = np.arange(n)
    gap = max(float(np.max(below - (ranks + 1) / n)), float(np.max(ranks / n - up_to)))
    assert gap * np.sqrt(n) < 2.6


@given(st.lists(smooth, min_size=1, max_size=1), st.integers(0, 2**32))
def test_equal_parameters_in_an_array_draw_what_one_law_draws(laws, seed):
    one = laws[0]
    many = stack([one, type(one)(*(getattr(one, f) for f in one.__dataclass_fields__))])
    assert not many.varies  # all the same: plain numbers again
    wide = one.take(np.arange(3))
    assert wide is one
    assert one.sample(np.random.default_rng(seed), 5).shape == (5,)


@given(st.lists(st.floats(0.1, 3), min_size=4, max_size=4))
def test_taking_undoes_stacking(sigmas):
    laws = [Sometimes(0.5, Scaled(Lognormal(1.0, s), s)) for s in sigmas]
    many = stack(laws)
    for i, law in enumerate(laws):
        picked = many.take(np.array([i]))
        assert float(np.ravel(picked.mean)[0]) == pytest.approx(law.mean, rel=1e-14)


def test_a_draw_of_many_laws_takes_one_from_each():
    rng = np.random.default_rng(5)
    centre = np.repeat([10.0, 1000.0], 50_000)
    drawn = Normal(centre, 1.0).sample(rng, len(centre))
    halves = drawn.reshape(2, -1)
    np.testing.assert_allclose(halves.mean(1), [10, 1000], atol=4 / np.sqrt(50_000))
    p = np.repeat([0.1, 0.9], 50_000)
    hits = (Sometimes(p, Constant(1.0)).sample(rng, len(p))).reshape(2, -1).mean(1)
    np.testing.assert_allclose(hits, [0.1, 0.9], atol=4 * 0.3 / np.sqrt(50_000))
    mixed = Mixture((p, 1 - p), (Constant(1.0), Constant(0.0))).sample(rng, len(p))
    np.testing.assert_allclose(mixed.reshape(2, -1).mean(1), [0.1, 0.9], atol=0.006)
    listed = Discrete((np.repeat([1.0, 2.0], 50_000), 0.0), (0.5, 0.5)).sample(rng, len(p))
    np.testing.assert_allclose(listed.reshape(2, -1).mean(1), [0.5, 1.0], atol=0.02)


@given(st.floats(1e-6, 0.98), st.floats(0.001, 0.999))
def test_a_beta_law_has_the_quantiles_it_was_made_from(low, way):
    high = low + (0.9999 - low) * way
    law = Beta.from_quantiles(low, high)
    assert float(law.cdf(low)) == pytest.approx(0.05, rel=1e-6)
    assert 1 - float(law.cdf(high)) == pytest.approx(0.05, rel=1e-6)


@given(st.floats(0.001, 1e6), st.floats(1.001, 1e4), st.floats(0.001, 0.4))
def test_a_lognormal_law_has_the_quantiles_it_was_made_from(low, ratio, p):
    law = Lognormal.from_quantiles(low, low * ratio, p)
    np.testing.assert_allclose(law.ppf(np.array([p, 1 - p])), [low, low * ratio], rtol=1e-9)


@given(size, st.floats(0.01, 3))
def test_laws_have_the_mean_and_spread_they_were_made_from(mean, ratio):
    for law in (Lognormal.from_mean_sd(mean, mean * ratio), Gamma.from_mean_sd(mean, mean * ratio)):
        assert law.mean == pytest.approx(mean, rel=1e-9)
        assert np.sqrt(law.variance) == pytest.approx(mean * ratio, rel=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(2, 1),
        lambda: Triangular(0, 5, 4),
        lambda: Normal(0, 0),
        lambda: Lognormal(0, -1),
        lambda: Lognormal.from_quantiles(5, 5),
        lambda: Beta(0, 1),
        lambda: Beta.pert(3, 2, 5),
        lambda: Beta.from_mean_sd(0.5, 0.6),
        lambda: Beta.from_quantiles(0.2, 0.1),
        lambda: Gamma(1, 0),
        lambda: Exponential(0),
        lambda: Weibull(-1, 1),
        lambda: Pareto(0, 1),
        lambda: Discrete((1, 2), (0.5, 0.4)),
        lambda: Discrete((1, 2), (1.5, -0.5)),
        lambda: Scaled(Uniform(0, 1), -1),
        lambda: Sometimes(1.2, Uniform(0, 1)),
        lambda: Sometimes(0.2, Normal(0, 1)),
        lambda: Mixture((0.5,), (Uniform(0, 1),)),
        lambda: Total((Normal(0, 1), Uniform(0, 1))),
        lambda: Constant(np.nan),
        lambda: Beta.pert(1, 2, 3, 0),
        lambda: Uniform(-np.inf, 1),
        lambda: Triangular(0, 1, np.inf),
        lambda: Normal(0, np.inf),
        lambda: Lognormal(0, np.inf),
        lambda: Beta(1, np.inf),
        lambda: Beta(1, 1, 0, np.inf),
        lambda: Gamma(np.inf, 1),
        lambda: Weibull(1, np.inf),
        lambda: Pareto(np.inf, 1),
        lambda: Discrete((1, np.nan), (0.5, 0.5)),
        lambda: Discrete.empirical([]),
        lambda: Discrete.empirical([1.0, np.inf]),
        lambda: GeneralisedPareto(0.2, 0),
        lambda: GeneralisedPareto(np.nan, 1),
        lambda: GeneralisedPareto(0.2, 1, np.inf),
        lambda: Spliced(Uniform(2, 3), Pareto(2, 1), 2, 0.1),
        lambda: Spliced(Uniform(0, 3), Uniform(0, 2), 2, 0.1),
        lambda: Spliced(Uniform(0, 3), Uniform(0, 3), 2, 1.1),
        lambda: Spliced(Uniform(0, 3), Pareto(2, 1), np.inf, 0.1),
        lambda: Layered(Uniform(0, 3), -1),
        lambda: Layered(Uniform(0, 3), np.inf),
        lambda: Layered(Uniform(0, 3), 1, 0),
        lambda: Retained(Uniform(0, 3), 1, 2, 1.5),
        lambda: stack([Uniform(0, 1), Constant(1.0)]),
    ],
)
def test_what_is_no_law_is_refused(make):
    with pytest.raises(MisuseError):
        make()
