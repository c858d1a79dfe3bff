# SPDX-License-Identifier: Apache-2.0
"""What must hold of the protocol network whatever its numbers: base rate, signs, shares."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from perilscope.engines import elimination
from perilscope.layers import protocol
from perilscope.layers.protocol_factors import CAUSES, FACTORS

EXPLOITED = protocol.EXPLOITED
AXES = [factor.name for factor in FACTORS]


@pytest.mark.parametrize("base", [0.001, 0.02, 0.045, 0.09, 0.3])
def test_knowing_nothing_gives_the_base_rate(base: float) -> None:
    law = elimination.marginal(protocol.network(base), EXPLOITED)
    assert law["yes"] == pytest.approx(base, abs=1e-12)
    assert protocol.chance({}, base) == pytest.approx(base, abs=1e-12)


def test_causes_have_their_shares_of_the_hazard() -> None:
    prior = protocol._prior()
    mean = {c: float((law * prior).sum()) for c, law in protocol._hazards(0.045).items()}
    whole = sum(mean.values())
    for cause, share in CAUSES.items():
        assert mean[cause] / whole == pytest.approx(share / sum(CAUSES.values()), rel=1e-12)
    assert float(prior.sum()) == pytest.approx(1.0, abs=1e-14)


def draw_evidence(rng: random.Random) -> dict[str, str]:
    known = [f for f in FACTORS if rng.random() < 0.6]
    return {f.name: rng.choice(f.states) for f in known}


def test_elimination_and_enumeration_agree() -> None:
    rng = random.Random(7)
    for _ in range(60):
        evidence = draw_evidence(rng)
        base = rng.choice([0.02, 0.045, 0.09])
        exact = elimination.marginal(protocol.network(base), EXPLOITED, evidence)["yes"]
        assert protocol.chance(evidence, base) == pytest.approx(exact, rel=1e-12)


def test_a_third_engine_agrees() -> None:
    pytest.importorskip("pyagrum")
    from perilscope.engines import agrum

    evidence = {"audits": "one", "oracle": "spot-price", "tvl": "large"}
    ours = elimination.marginals(protocol.network(), evidence)
    theirs = agrum.marginals(protocol.network(), evidence)
    for node, law in ours.items():
        for state, p in law.items():
            assert theirs[node][state] == pytest.approx(p, abs=1e-12)


def every_subset() -> np.ndarray:
    """P(exploited) for every choice of a state *or not known* for every factor.

    One axis for each factor, its states and then "not known"; written anew from the declared
    shares and multipliers, so that the module's own sums are not used.
    """
    alive = np.exp(-sum(protocol._hazards(0.045).values()))  # survival in every joint state
    for axis, factor in enumerate(FACTORS):
        if factor.name in ("tvl", "audits"):
            continue
        weights = np.array(factor.common)
        unknown = np.tensordot(alive, weights, axes=(axis, 0))
        alive = np.concatenate([alive, np.expand_dims(unknown, axis)], axis=axis)
    tvl = np.array(FACTORS[0].common)
    both = tvl[:, None] * np.array(FACTORS[1].common)  # (tvl, audits)
    given_audits = np.einsum("ta...,ta->a...", alive, both / both.sum(axis=0))
    given_tvl = np.einsum("ta...,ta->t...", alive, both / both.sum(axis=1)[:, None])
    neither = np.einsum("ta...,ta->...", alive, both)
    top = np.concatenate([alive, given_tvl[:, None]], axis=1)
    bottom = np.concatenate([given_audits, neither[None]], axis=0)[None]
    return 1.0 - np.concatenate([top, bottom], axis=0)


def test_a_better_state_never_raises_the_probability_whatever_else_is_known() -> None:
    chances = every_subset()
    assert chances.shape == tuple(len(f.states) + 1 for f in FACTORS)
    assert chances[(-1,) * len(FACTORS)] == pytest.approx(0.045, abs=1e-12)
    for axis, factor in enumerate(FACTORS):
        known = np.moveaxis(chances, axis, 0)[: len(factor.states)]
        rise = np.diff(known, axis=0).max()
        assert rise <= 1e-15, f"{factor.name}: a better state raises the probability by {rise}"


def test_the_table_of_all_subsets_is_what_the_network_says() -> None:
    chances = every_subset()
    rng = random.Random(11)
    for _ in range(25):
        evidence = draw_evidence(rng)
        index = tuple(
            f.states.index(evidence[f.name]) if f.name in evidence else len(f.states)
            for f in FACTORS
        )
        exact = elimination.marginal(protocol.network(), EXPLOITED, evidence)["yes"]
        assert chances[index] == pytest.approx(exact, rel=1e-11)


def test_size_confounds_audits_and_the_network_knows() -> None:
    large = elimination.marginal(protocol.network(), "tvl", {"audits": "two-or-more"})["large"]
    assert large > FACTORS[0].common[0]


def test_causes_split_the_chance_by_which_comes_first() -> None:
    """Where all factors are known: h_c / sum(h) (1 - exp(-sum h)), by hand."""
    evidence = {f.name: f.states[0] for f in FACTORS}
    hazards = {}
    for cause in CAUSES:
        p = elimination.marginal(protocol.network(), f"{cause}-failure", evidence)["yes"]
        hazards[cause] = -math.log1p(-p)
    total = sum(hazards.values())
    for cause, found in protocol.first_causes(evidence).items():
        assert found == pytest.approx(hazards[cause] / total * -math.expm1(-total), rel=1e-12)


def test_exploited_is_any_of_the_causes() -> None:
    table = protocol.network().node(EXPLOITED).table
    for failed in itertools.product((0, 1), repeat=len(CAUSES)):
        assert table[(*failed, 1)] == float(any(failed))


def test_factors_are_described_completely() -> None:
    for factor in FACTORS:
        assert all(len(m) == len(factor.states) for m in factor.hazard.values()), factor.name
        assert all(cause in CAUSES for cause in factor.hazard)
        for row in factor.common if factor.parent else (factor.common,):
            assert math.fsum(row) == pytest.approx(1.0, abs=1e-12)
        for multipliers in factor.hazard.values():
            assert list(multipliers) == sorted(multipliers, reverse=True), factor.name
    assert AXES.index("tvl") < AXES.index("audits")
