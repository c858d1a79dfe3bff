# SPDX-License-Identifier: Apache-2.0
"""Filtering and smoothing against the unrolled network; chains against closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from perilscope.engines.networks.canonical import noisy_or
from perilscope.engines.networks.chain import stationary
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.session import Session
from perilscope.engines.networks.two_slice import TwoSlice, at, before, spread
from perilscope.errors import AssessmentError

TWO = ("no", "yes")
THREE = ("calm", "tense", "stress")


def venue() -> TwoSlice:
    """A market that drifts, leverage that follows it, an exploit, a peg, and an alert seen late."""
    rng = np.random.default_rng(29)

    def law(*shape: int) -> np.ndarray:
        return rng.dirichlet([1.0] * shape[-1], shape[:-1])

    first = Network(
        (
            Node("alert", TWO, ("exploit", "market"), law(2, 3, 2)),  # before its parents
            Node("market", THREE, (), law(3)),
            Node("leverage", THREE, ("market",), law(3, 3)),
            Node("exploit", TWO, (), law(2)),
            noisy_or("peg", TWO, {"exploit": 0.4}, leak=0.1),
        )
    )
    step = (
        Node("peg", TWO, ("exploit", before("leverage"), before("peg")), law(2, 3, 2, 2)),
        Node("exploit", TWO, (before("market"), before("alert")), law(3, 2, 2)),
        Node("market", THREE, (before("peg"), before("market")), law(2, 3, 3)),
        Node("leverage", THREE, ("market", "peg"), law(3, 2, 3)),
        noisy_or("alert", TWO, {"exploit": 0.7, "peg": 0.2}, leak=0.05),
    )
    return TwoSlice(first, step)


NOTHING = Findings()
KNOWN = [
    [NOTHING] * 4,
    [Findings(hard={"alert": "yes"})],
    [NOTHING, Findings(hard={"alert": "yes"}), NOTHING, Findings(hard={"market": "stress"})],
    [
        Findings(likelihood={"market": [0.2, 3.0, 1.0]}),
        Findings(hard={"peg": "yes", "exploit": "no"}),
        NOTHING,
        Findings(hard={"alert": "no"}, likelihood={"leverage": [1.0, 0.0, 5.0]}),
        Findings(hard={"alert": "yes"}),
    ],
    [Findings(do={"market": "calm"}), NOTHING, Findings({"alert": "yes"}, do={"peg": "no"})],
]


@pytest.mark.parametrize("findings", KNOWN)
def test_smoothing_is_the_unrolled_network(findings: list[Findings]) -> None:
    model = venue()
    wanted = ask(model.unrolled(len(findings)), spread(findings), engine="junction tree")
    found = model.smoothed(findings)
    assert found.log_probability == pytest.approx(wanted.log_probability, abs=1e-12)
    assert len(found.laws) == len(findings)
    for t, laws in enumerate(found.laws):
        assert laws.keys() == model.first.sizes.keys()
        for name, law in laws.items():
            assert law == pytest.approx(wanted.marginals[at(name, t)], abs=1e-12)


@pytest.mark.parametrize("findings", KNOWN)
def test_filtering_is_the_unrolled_network_seen_so_far(findings: list[Findings]) -> None:
    model = venue()
    found = model.filtered(findings)
    assert len(found.laws) == len(findings)
    for t, laws in enumerate(found.laws):
        wanted = ask(model.unrolled(len(findings)), spread(findings[: t + 1]))
        assert math.fsum(found.log_steps[: t + 1]) == pytest.approx(
            wanted.log_probability, abs=1e-12
        )
        for name, law in laws.items():
            assert law == pytest.approx(wanted.marginals[at(name, t)], abs=1e-12)


def test_transitions_are_two_slices_of_the_unrolled_network() -> None:
    model = venue()
    # leverage, too, reaches into the next slice; exploit does not
    assert model.interface == ("alert", "market", "leverage", "peg")
    matrix, states = model.transition(), model.states()
    assert matrix.shape == (36, 36)
    assert len(set(states)) == 36
    session = Session(model.unrolled(2))
    for i in (0, 7, 35):
        hard = {at(n, 0): s for n, s in zip(model.interface, states[i], strict=True)}
        session.know(Findings(hard=hard))
        law = session.joint([at(name, 1) for name in model.interface])
        assert matrix[i] == pytest.approx(law.ravel(), abs=1e-12)


def test_many_slices_are_a_power_of_the_matrix() -> None:
    model = venue()
    start = Session(model.unrolled(1)).joint([at(name, 0) for name in model.interface]).ravel()
    power = start @ np.linalg.matrix_power(model.transition(), 25)
    laws = model.filtered([NOTHING] * 26).laws[25]
    joint = power.reshape(model.shape)
    for axis, name in enumerate(model.interface):
        others = tuple(k for k in range(joint.ndim) if k != axis)
        assert list(laws[name].values()) == pytest.approx(joint.sum(axis=others), abs=1e-12)


def test_the_stationary_law_is_where_powers_go() -> None:
    model = venue()
    found = model.stationary()
    far = np.linalg.matrix_power(model.transition(), 4096)
    for row in far:
        assert found.ravel() == pytest.approx(row, abs=1e-12)
    settled, late = model.settled(), model.filtered([NOTHING] * 200).laws[-1]
    for name, law in late.items():
        assert settled[name] == pytest.approx(law, abs=1e-12)


@pytest.mark.parametrize(("worse", "better"), [(0.1, 0.5), (1e-9, 0.3), (0.7, 0.9)])
def test_a_chain_of_two_states_in_closed_form(worse: float, better: float) -> None:
    first = Network((Node("machine", TWO, (), np.array([1.0, 0.0])),))
    table = np.array([[1.0 - worse, worse], [better, 1.0 - better]])
    model = TwoSlice(first, (Node("machine", TWO, (before("machine"),), table),))
    share = worse / (worse + better)
    assert model.stationary()[1] == pytest.approx(share, rel=1e-12)
    for t, laws in enumerate(model.filtered([NOTHING] * 8).laws):
        # P(yes at t) = share (1 - (1 - worse - better)^t)
        by_hand = (
            share * -math.expm1(t * math.log1p(-worse - better))
            if worse + better < 1
            else (share * (1.0 - (1.0 - worse - better) ** t))
        )
        assert laws["machine"]["yes"] == pytest.approx(by_hand, rel=1e-9, abs=1e-15)


def test_a_hidden_chain_against_sums_over_all_paths() -> None:
    rng = np.random.default_rng(5)
    start, step, seen = rng.dirichlet([1.0] * 3), rng.dirichlet([1.0] * 3, 3), rng.random((3, 3))
    see = np.stack([seen.mean(axis=1), 1.0 - seen.mean(axis=1)], axis=1)
    first = Network((Node("market", THREE, (), start), Node("alert", TWO, ("market",), see)))
    model = TwoSlice(
        first,
        (Node("market", THREE, (before("market"),), step), Node("alert", TWO, ("market",), see)),
    )
    alerts = [1, 0, 0, 1]
    paths = np.einsum(
        "a,ab,bc,cd,a,b,c,d->abcd", start, step, step, step, *(see[:, k] for k in alerts)
    )
    found = model.smoothed([Findings(hard={"alert": TWO[k]}) for k in alerts])
    assert found.log_probability == pytest.approx(math.log(paths.sum()), abs=1e-12)
    for t in range(4):
        law = paths.sum(axis=tuple(k for k in range(4) if k != t)) / paths.sum()
        assert list(found.laws[t]["market"].values()) == pytest.approx(law, abs=1e-12)


def test_rare_states_of_a_settled_chain_are_exact() -> None:
    # a walk up a ladder: detailed balance gives the law as products, down to 1e-82
    up, down, rungs = 1e-12, 0.5, 8
    matrix = np.zeros((rungs, rungs))
    for k in range(rungs - 1):
        matrix[k, k + 1], matrix[k + 1, k] = up, down
    matrix += np.diag(1.0 - matrix.sum(axis=1))
    wanted = (up / down) ** np.arange(rungs)
    found = stationary(matrix, [[str(k)] for k in range(rungs)])
    assert found == pytest.approx(wanted / wanted.sum(), rel=1e-12, abs=0.0)


def test_states_that_are_left_for_good_and_rhythms() -> None:
    names = [["a"], ["b"], ["c"]]
    leaves = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    for order in itertools.permutations(range(3)):
        found = stationary(leaves[np.ix_(order, order)], names)
        assert found.tolist() == [0.0 if k == 0 else 0.5 for k in order]
    with pytest.raises(AssessmentError, match=r"2 stationary laws: no way leads from \(.\) to"):
        stationary(np.array([[0.4, 0.3, 0.3], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), names)
