# SPDX-License-Identifier: Apache-2.0
"""What must hold of the protocol network whatever its numbers: base rate, signs, shares."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from perilscope.engines.networks import ancestral, elimination
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask
from perilscope.evidence.base_rates import base_rate
from perilscope.layers import protocol
from perilscope.layers import protocol_model as model
from perilscope.layers.protocol_factors import CAUSES, FACTORS

EXPLOITED = protocol.EXPLOITED
AXES = [factor.name for factor in FACTORS]


@pytest.mark.parametrize("base", [1e-4, 0.001, 0.02, 0.045, 0.09, 0.3])
def test_knowing_nothing_gives_the_base_rate(base: float) -> None:
    law = elimination.marginal(protocol.network(base), EXPLOITED)
    assert law["yes"] == pytest.approx(base, rel=1e-10)
    assert model.calibrated(base).chance({}) == pytest.approx(base, rel=1e-10)


def test_causes_have_their_shares_of_the_hazard() -> None:
    calibrated = model.calibrated(0.045)
    hazards = {}
    for cause in CAUSES:
        mean = float((calibrated.failure(cause) * model._weights(cause)).sum())
        hazards[cause] = -math.log1p(-mean)
    whole = sum(hazards.values())
    for cause, share in CAUSES.items():
        assert hazards[cause] / whole == pytest.approx(share / sum(CAUSES.values()), rel=1e-12)
    assert calibrated.scale >= 1.0  # causes come together, so their sum is more than the rate


def draw_evidence(rng: random.Random) -> dict[str, str]:
    known = [f for f in FACTORS if rng.random() < 0.6]
    return {f.name: rng.choice(f.states) for f in known}


def test_three_routes_agree() -> None:
    """The model's own sums, elimination and the junction tree."""
    rng = random.Random(7)
    for _ in range(60):
        evidence = draw_evidence(rng)
        base = rng.choice([0.02, 0.045, 0.09])
        net = protocol.network(base)
        exact = elimination.marginal(net, EXPLOITED, evidence)["yes"]
        assert model.calibrated(base).chance(evidence) == pytest.approx(exact, rel=1e-11)
        tree = ask(net, Findings(hard=evidence), [EXPLOITED]).marginals[EXPLOITED]["yes"]
        assert tree == pytest.approx(exact, rel=1e-11)


def test_a_third_engine_agrees() -> None:
    pytest.importorskip("pyagrum")
    from perilscope.engines.networks import agrum

    evidence = {"audits": "one", "oracle": "spot-price", "tvl": "large"}
    ours = elimination.marginals(protocol.network(), evidence)
    theirs = agrum.marginals(protocol.network(), evidence)
    for node, law in ours.items():
        for state, p in law.items():
            assert theirs[node][state] == pytest.approx(p, abs=1e-12)


def test_the_odds_of_a_failure_are_a_product_of_two_numbers_a_factor() -> None:
    """From the tables of the network: log odds are sums, worst and best as declared."""
    net = protocol.network()
    for cause in CAUSES:
        node = net.node(protocol.failure(cause))
        odds = np.log(node.table[..., 1] / node.table[..., 0])
        for axis, name in enumerate(node.parents):
            factor = next(f for f in FACTORS if f.name == name)
            ends = np.take(odds, -1, axis=axis) - np.take(odds, 0, axis=axis)
            worst, best = factor.odds[cause]
            assert ends == pytest.approx(np.full(ends.shape, math.log(best / worst)), abs=1e-9)


def test_a_better_state_never_raises_the_probability_whatever_else_is_known() -> None:
    rng = random.Random(3)
    calibrated = model.calibrated(0.045)
    for _ in range(500):
        evidence = draw_evidence(rng)
        for factor in rng.sample(FACTORS, 3):
            known = [calibrated.chance({**evidence, factor.name: s}) for s in factor.states]
            rise = max(b - a for a, b in itertools.pairwise(known))
            assert rise <= 1e-15, f"{factor.name}: a better state raises it by {rise}"


def test_size_confounds_audits_and_the_network_knows() -> None:
    """Raw counts would say that audits hardly help: large protocols are audited and attacked."""
    net = protocol.network()
    large = elimination.marginal(net, "tvl", {"audits": "four-or-more"})
    assert large["very-large"] > 2 * FACTORS[0].common[0]
    raw = [elimination.marginal(net, EXPLOITED, {"audits": s})["yes"] for s in ("none", "one")]
    for tvl in FACTORS[0].states:
        given = [
            elimination.marginal(net, EXPLOITED, {"audits": s, "tvl": tvl})["yes"]
            for s in ("none", "one")
        ]
        assert given[0] / given[1] > raw[0] / raw[1]


def test_exploited_is_any_of_the_causes_and_one_of_them_struck() -> None:
    net = protocol.network()
    table, which = net.node(EXPLOITED).table, net.node(protocol.CAUSE).table
    for failed in itertools.product((0, 1), repeat=len(CAUSES)):
        assert table[(*failed, 1)] == float(any(failed))
        assert which[(*failed, 0)] == float(not any(failed))
        for cause, struck in zip(failed, which[failed][1:], strict=True):
            assert struck == (cause / sum(failed) if any(failed) else 0.0)


def test_factors_are_described_completely() -> None:
    for factor in FACTORS:
        assert len(factor.along) == len(factor.states)
        assert (factor.along[0], factor.along[-1]) == (1.0, -1.0)
        assert list(factor.along) == sorted(factor.along, reverse=True), factor.name
        assert all(cause in CAUSES for cause in factor.odds)
        assert all(worst >= 1.0 >= best > 0.0 for worst, best in factor.odds.values())
        for row in factor.common if factor.parent else (factor.common,):
            assert len(row) == len(factor.states)
            assert math.fsum(row) == pytest.approx(1.0, abs=1e-12)
    assert AXES.index("tvl") < AXES.index("audits")


# --- the interval


def test_every_draw_has_its_own_base_rate_over_all_protocols() -> None:
    rate = base_rate()
    drawn = model.drawn(rate).chances({})
    assert drawn == pytest.approx(model.base_draws(rate), rel=5e-3)


def test_the_base_rates_are_spread_as_the_gamma_law_of_their_counts() -> None:
    rate = base_rate("3 in 120 protocol-years")
    draws = model.base_draws(rate)
    assert draws.mean() == pytest.approx(3 / 120, rel=0.01)
    assert draws.var() == pytest.approx(3 / 120**2, rel=0.05)


def test_more_exposure_narrows_the_interval_and_more_facts_do_not() -> None:
    def width(text: str, evidence: dict[str, str]) -> float:
        low, high = np.quantile(
            np.log(model.drawn(base_rate(text)).chances(evidence)), [0.05, 0.95]
        )
        return float(high - low)

    assert width("335 in 10993 protocol-years", {}) < 0.5 * width("3 in 100 protocol-years", {})
    known = {f.name: f.states[-1] for f in FACTORS}
    assert width("335 in 10993", known) > width("335 in 10993", {})


def test_how_far_the_score_tells_protocols_apart_is_as_the_guide_says() -> None:
    """Best and worst exactly; quantiles and the area under the curve over drawn protocols.

    The area is that of the chances themselves, so its error is that of the draw: about 0.01.
    """
    usual = model.calibrated(0.045)
    ends = [{f.name: f.states[k] for f in FACTORS if f.odds} for k in (-1, 0)]
    best, worst = map(usual.chance, ends)
    assert (round(best, 4), round(worst, 2)) == (0.0019, 0.56)
    net = protocol.network(0.045)
    drawn = ancestral.draw(net, 1500, 7)
    names = [factor.name for factor in FACTORS if factor.odds]
    chances = np.sort(
        [
            usual.chance({name: net.node(name).states[int(drawn[name][row])] for name in names})
            for row in range(1500)
        ]
    )
    low, high = np.quantile(chances, [0.05, 0.95])
    assert abs(low - 0.013) < 0.0015
    assert abs(high - 0.11) < 0.012
    quiet = 1.0 - chances
    below = np.cumsum(quiet) - 0.5 * quiet
    area = float((chances * below).sum() / (chances.sum() * quiet.sum()))
    assert abs(area - 0.68) < 0.02
