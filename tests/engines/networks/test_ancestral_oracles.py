# SPDX-License-Identifier: Apache-2.0
"""Draws against exact joint laws; likelihood weighting against exact inference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.networks.ancestral import draw, weighted
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask
from perilscope.engines.networks.network import Network, Node

TWO = ("no", "yes")

ALARM = 1e-3
"""How often a right sampler would fail each chi-square test, had its seed not been fixed."""


def house() -> Network:
    """Two, three and four states; up to three parents; a table without chance in it."""
    rng = np.random.default_rng(17)
    return Network(
        (
            Node("a", TWO, (), np.array([0.7, 0.3])),
            Node("b", ("x", "y", "z"), ("a",), rng.dirichlet([1.0] * 3, 2)),
            Node("c", ("p", "q", "r", "s"), ("b",), rng.dirichlet([1.0] * 4, 3)),
            Node("either", TWO, ("a", "e"), np.array([[[1, 0], [0, 1]], [[0, 1], [0, 1.0]]])),
            Node("e", TWO, ("c",), rng.dirichlet([2.0] * 2, 4)),
            Node("f", TWO, ("b", "c", "e"), rng.dirichlet([1.0] * 2, (3, 4, 2))),
        )
    )


def exact(net: Network) -> np.ndarray:
    """The joint law as a plain product of tables over all nodes in the order of declaration."""
    letters = {node.name: chr(ord("A") + k) for k, node in enumerate(net.nodes)}
    scopes = ["".join(letters[n] for n in (*node.parents, node.name)) for node in net.nodes]
    out = "".join(letters.values())
    joint: np.ndarray = np.einsum(f"{','.join(scopes)}->{out}", *(node.table for node in net.nodes))
    return joint


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_frequencies_of_the_joint_are_those_of_the_law(seed: int) -> None:
    net, n = house(), 400_000
    drawn, law = draw(net, n, seed), exact(net)
    flat = np.ravel_multi_index([drawn[node.name] for node in net.nodes], law.shape)
    counts, wanted = np.bincount(flat, minlength=law.size), n * law.ravel()
    assert math.isclose(wanted.sum(), n)
    assert not counts[wanted == 0.0].any()
    rare = wanted < 10.0  # put together, so that chi-square holds
    counts = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(wanted[~rare], wanted[rare].sum())
    assert stats.chisquare(counts[wanted > 0.0], wanted[wanted > 0.0]).pvalue > ALARM


def test_rows_do_not_depend_on_each_other() -> None:
    net, n = house(), 400_000
    drawn = draw(net, n, 4)
    for node in net.nodes:
        column, size = drawn[node.name].astype(np.int64), len(node.states)
        pairs = np.bincount(column[:-1:2] * size + column[1::2], minlength=size * size)
        assert stats.chi2_contingency(pairs.reshape(size, size)).pvalue > ALARM


def test_nodes_with_many_states_have_their_law() -> None:
    rng = np.random.default_rng(8)
    law = rng.dirichlet([1.0] * 300)
    net = Network((Node("a", tuple(map(str, range(300))), (), law),))
    n = 200_000
    counts = np.bincount(draw(net, n, 1)["a"], minlength=300)
    common = n * law >= 10.0
    counts = np.append(counts[common], counts[~common].sum())
    wanted = np.append(n * law[common], n * law[~common].sum())
    assert stats.chisquare(counts, wanted).pvalue > ALARM


KNOWN = [
    Findings(),
    Findings(hard={"e": "yes"}),
    Findings(hard={"e": "yes", "f": "no"}),
    Findings(hard={"either": "yes", "c": "r"}, likelihood={"f": [0.3, 0.8]}),
    Findings(hard={"f": "yes"}, do={"b": "z"}),
    Findings(likelihood={"b": [4.0, 0.0, 1.0], "either": [1.0, 3.0]}),
]


@pytest.mark.parametrize("findings", KNOWN, ids=[", ".join(f.items()) or "-" for f in KNOWN])
def test_weighted_draws_agree_with_exact_inference(findings: Findings) -> None:
    net, n = house(), 200_000
    found, answer = weighted(net, n, 3, findings, workers=2), ask(net, findings)
    for name, law in answer.marginals.items():
        for state, (value, error) in found.law(name).items():
            assert abs(value - law[state]) <= 5.0 * error + 1e-12
            # weights apart, a state is hit or missed by no more than 1
            assert error <= 1.0 / math.sqrt(found.effective) + 1e-12
    spread = float(found.weights.std() / found.weights.mean()) / math.sqrt(n)
    assert abs(found.log_probability - answer.log_probability) <= 5.0 * spread + 1e-9
    assert 1.0 <= found.effective <= n * (1.0 + 1e-12)


def test_effective_rows_by_hand() -> None:
    # weights are 0.9 where a=no and 0.1 where a=yes, so with k rows of a=yes among n the sums are
    # plain; both are over the largest, 0.9
    net = Network(
        (
            Node("a", TWO, (), np.array([0.5, 0.5])),
            Node("b", TWO, ("a",), np.array([[0.1, 0.9], [0.9, 0.1]])),
        )
    )
    n = 1000
    found = weighted(net, n, 1, Findings(hard={"b": "yes"}))
    k = int(found.drawn["a"].sum())
    assert 0 < k < n
    total, squares = 0.9 * (n - k) + 0.1 * k, 0.81 * (n - k) + 0.01 * k
    assert found.effective == pytest.approx(total**2 / squares, rel=1e-12)
    assert found.log_probability == pytest.approx(math.log(total / n), rel=1e-12)
    value, error = found.law("a")["yes"]
    assert value == pytest.approx(0.1 * k / total, rel=1e-12)
    by_hand = k * (0.1 * (1 - value)) ** 2 + (n - k) * (0.9 * value) ** 2
    assert error == pytest.approx(math.sqrt(by_hand) / total, rel=1e-9)
