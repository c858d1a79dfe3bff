# SPDX-License-Identifier: Apache-2.0
"""Learnt tables against counting by hand, enumeration, a general optimiser and another library."""

from __future__ import annotations

import itertools
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from perilscope.engines.networks import expectation
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.records import Records
from perilscope.engines.networks.session import Session
from perilscope.engines.networks.table_learning import learn, pooled

TWO = ("no", "yes")


def network(seed: int, sizes: list[int], parents: list[list[int]]) -> Network:
    """Random tables; node k has sizes[k] states."""
    rng = np.random.default_rng(seed)
    return Network(
        tuple(
            Node(
                f"v{k}",
                tuple(f"s{state}" for state in range(size)),
                tuple(f"v{parent}" for parent in parents[k]),
                rng.dirichlet([2.0] * size, [sizes[parent] for parent in parents[k]]),
            )
            for k, size in enumerate(sizes)
        )
    )


def triple(seed: int = 0) -> Network:
    return network(seed, [2, 2, 2], [[], [0], [0, 1]])


def eight(seed: int = 0) -> Network:
    parents: list[list[int]] = [[], [0], [0], [1, 2], [2], [3, 4], [3], [5, 6]]
    return network(seed, [2, 3, 2, 3, 2, 2, 3, 2], parents)


def drawn(net: Network, number: int, missing: float, seed: int = 1) -> Records:
    """Records of a network declared parents first, each cell lost with the same chance."""
    rng = np.random.default_rng(seed)
    at = {node.name: k for k, node in enumerate(net.nodes)}
    places = np.zeros((number, len(at)), dtype=np.int64)
    for row in places:
        for k, node in enumerate(net.nodes):
            law = node.table[tuple(row[at[parent]] for parent in node.parents)]
            row[k] = rng.choice(len(law), p=law)
    places[rng.random(places.shape) < missing] = -1
    return Records(tuple(at), tuple(node.states for node in net.nodes), places)


def only(records: Records, places: np.ndarray, weights: np.ndarray | None = None) -> Records:
    return Records(records.names, records.states, places, weights)


def enumerated(net: Network, records: Records) -> float:
    """Log-likelihood, one full joint table and one sum over it for each record."""
    sizes = [len(node.states) for node in net.nodes]
    at = {node.name: k for k, node in enumerate(net.nodes)}
    chances = {}
    for states in itertools.product(*map(range, sizes)):
        chance = 1.0
        for k, node in enumerate(net.nodes):
            chance *= float(node.table[tuple(states[at[p]] for p in node.parents)][states[k]])
        chances[states] = chance
    fit = 0.0
    for row, weight in zip(records.places.tolist(), records.weights.tolist(), strict=True):
        fits = [
            c for s, c in chances.items() if all(r in (-1, k) for r, k in zip(row, s, strict=True))
        ]
        fit += weight * math.log(math.fsum(fits))
    return fit


def assert_same(a: Network, b: Network, tolerance: float) -> None:
    for node in a.nodes:
        np.testing.assert_allclose(node.table, b.node(node.name).table, rtol=0, atol=tolerance)


def test_complete_records_give_relative_counts() -> None:
    net = eight()
    records = drawn(net, 3000, 0.0)
    found = learn(eight(5), records, ess=0.0)
    assert found.converged
    assert found.rounds == 1
    for k, node in enumerate(net.nodes):
        family = [*(int(p[1:]) for p in node.parents), k]
        for at in np.ndindex(*node.sizes):
            rows = [r for r in records.places.tolist() if tuple(r[j] for j in family[:-1]) == at]
            assert rows  # else the comparison below would be empty
            for state in range(len(node.states)):
                share = sum(row[k] == state for row in rows) / len(rows)
                assert found.net.node(node.name).table[(*at, state)] == pytest.approx(
                    share, abs=1e-14
                )


def test_posterior_mean_by_hand() -> None:
    """Ess 8 over two rows is 4 pseudo-counts a row, shared out as the row that stands there."""
    rain = Node("rain", TWO, (), np.array([0.75, 0.25]))
    wet = Node("wet", TWO, ("rain",), np.array([[0.5, 0.5], [0.25, 0.75]]))
    net = Network((rain, wet))
    seen = [("no", "no")] * 3 + [("no", "yes")] + [("yes", "yes")] * 2
    records = Records.of(net, [{"rain": a, "wet": b} for a, b in seen])
    found = learn(net, records, ess=8.0)
    np.testing.assert_allclose(found.net.node("rain").table, [10 / 14, 4 / 14], atol=1e-15)
    wanted = [[5 / 8, 3 / 8], [1 / 6, 5 / 6]]
    np.testing.assert_allclose(found.net.node("wet").table, wanted, atol=1e-15)
    flat = learn(net, records, ess={"wet": 8.0}, prior="uniform")
    np.testing.assert_allclose(flat.net.node("rain").table, [4 / 6, 2 / 6], atol=1e-15)
    np.testing.assert_allclose(
        flat.net.node("wet").table, [[5 / 8, 3 / 8], [2 / 6, 4 / 6]], atol=1e-15
    )
    # Beta(5, 3) has the variance 5 * 3 / (8^2 * 9)
    assert found.spread("wet")[0, 0] == pytest.approx(math.sqrt(15 / 576), abs=1e-15)


def test_a_gap_above_is_shared_out_by_hand() -> None:
    """One step of EM from known tables; the limit is where P(rain | wet) is its own share.

    Wet tables are kept: P(wet | rain) = 3/4, P(wet | no rain) = 1/4, and of wet and dry records
    there are w and d. The likelihood (1/4 + p/2)^w (3/4 - p/2)^d has its top at
    1/4 + p/2 = w / (w + d).
    """
    rain = Node("rain", TWO, (), np.array([0.9, 0.1]))
    wet = Node("wet", TWO, ("rain",), np.array([[0.75, 0.25], [0.25, 0.75]]))
    net = Network((rain, wet))
    records = Records.of(net, [{"wet": "yes"}] * 6 + [{"wet": "no"}] * 4)
    found = learn(net, records, ess=0.0, keep=["wet"])
    assert found.converged
    assert found.net.node("rain").table[1] == pytest.approx(2 * (0.6 - 0.25), abs=1e-8)
    assert found.net.node("wet") is wet
    assert found.log_likelihood[-1] == pytest.approx(
        6 * math.log(0.6) + 4 * math.log(0.4), abs=1e-12
    )
    assert found.seen["wet"].sum() == 0.0
    assert found.counts["wet"].sum() == pytest.approx(10.0, abs=1e-9)


def brute(records: Records, pseudo: list[float]) -> np.ndarray:
    """Highest point over seven logits of the triple, gradients by complex steps, many starts.

    Cells: a, b | a (2 rows), c | a, b (4 rows).
    """

    def objective(logits: np.ndarray) -> complex:
        p = 1.0 / (1.0 + np.exp(-logits))
        chance = {}
        for a, b, c in itertools.product((0, 1), repeat=3):
            yes = [p[0], p[1 + a], p[3 + 2 * a + b]]
            terms = [q if s else 1.0 - q for q, s in zip(yes, (a, b, c), strict=True)]
            chance[a, b, c] = terms[0] * terms[1] * terms[2]
        total = sum(pseudo[k] * (np.log(p[k]) + np.log(1.0 - p[k])) for k in range(7))
        for row, weight in zip(records.places.tolist(), records.weights.tolist(), strict=True):
            fits = [
                v
                for s, v in chance.items()
                if all(r in (-1, k) for r, k in zip(row, s, strict=True))
            ]
            total = total + weight * np.log(sum(fits))
        return complex(-total)

    def slope(logits: np.ndarray) -> np.ndarray:
        step = 1e-30
        return np.array([objective(logits + 1j * step * e).imag / step for e in np.eye(7)])

    rng = np.random.default_rng(9)
    best = None
    for _ in range(12):
        found = minimize(
            lambda x: objective(x).real,
            rng.normal(size=7),
            jac=slope,
            method="BFGS",
            options={"gtol": 1e-9},
        )
        if best is None or found.fun < best.fun:
            best = found
    assert best is not None
    assert np.abs(slope(best.x)).max() < 1e-6
    return np.asarray(1.0 / (1.0 + np.exp(-best.x)))


@pytest.mark.parametrize(("seed", "ess"), [(0, 0.0), (1, 0.0), (2, 4.0)])
def test_em_finds_the_highest_point_of_three_binary_nodes(seed: int, ess: float) -> None:
    records = drawn(triple(seed), 120, 0.25, seed)
    # the same records by pattern: quicker to go through, which is nothing that learning is told
    unique, number = np.unique(records.places, axis=0, return_counts=True)
    rows = [1, 2, 2, 4, 4, 4, 4]  # of the table that each of the seven is in
    top = brute(only(records, unique, number), [ess / each / 2 for each in rows])
    found = learn(triple(seed + 20), records, ess=ess, prior="uniform", rounds=2000)
    assert found.converged
    a, b, c = (node.table[..., 1].ravel() for node in found.net.nodes)
    np.testing.assert_allclose(np.concatenate([a, b, c]), top, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ess", [0.0, 3.0])
def test_traces_rise_and_end_at_the_likelihood_of_the_tables(ess: float) -> None:
    records = drawn(eight(), 400, 0.3)
    found = learn(eight(7), records, ess=ess)
    assert found.converged
    assert len(found.objective) > 4
    assert np.diff(found.objective).min() > -1e-9
    assert found.log_likelihood[-1] == pytest.approx(enumerated(found.net, records), abs=1e-8)
    begin = [np.log(node.table) for node in found.net.nodes]
    prior = sum(
        float((found.pseudo[n.name] * g).sum()) for n, g in zip(found.net.nodes, begin, strict=True)
    )
    assert found.objective[-1] - found.log_likelihood[-1] == pytest.approx(prior, abs=1e-9)
    if ess == 0.0:
        assert found.objective == found.log_likelihood


@pytest.mark.parametrize(("signs", "seed"), [(3, 7), (4, 6)])
def test_the_objective_rises_where_extrapolations_overshoot(signs: int, seed: int) -> None:
    """A hidden cause of three states with little to tell it by: ridges, long extrapolations."""
    sizes, parents = [3] + [2] * signs, [[], *([0] for _ in range(signs))]
    records = drawn(network(seed, sizes, parents), 100, 0.1)
    places = np.array(records.places)
    places[:, 0] = -1
    found = learn(network(seed + 50, sizes, parents), only(records, places), ess=0.0, rounds=1000)
    assert found.rounds > len(found.objective)  # some were refused
    assert np.diff(found.objective).min() > -1e-9
    for node in found.net.nodes:
        np.testing.assert_allclose(node.table.sum(axis=-1), 1.0, rtol=0, atol=1e-14)


def test_learnt_rows_are_a_fixed_point_of_expected_counts_by_the_junction_tree() -> None:
    records = drawn(eight(), 150, 0.3)
    found = learn(eight(7), records, ess=2.0, prior="uniform")
    session = Session(found.net)
    counts = {node.name: np.array(found.pseudo[node.name]) for node in found.net.nodes}
    for row in records.places.tolist():
        hard = {n.name: n.states[k] for n, k in zip(found.net.nodes, row, strict=True) if k >= 0}
        session.know(Findings(hard=hard))
        for node in found.net.nodes:
            free = [name for name in (*node.parents, node.name) if name not in hard]
            at = tuple(
                slice(None) if name in free else found.net.state(name, hard[name])
                for name in (*node.parents, node.name)
            )
            counts[node.name][at] += session.joint(free) if free else 1.0
    for node in found.net.nodes:
        law = counts[node.name] / counts[node.name].sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(node.table, law, rtol=0, atol=1e-7)


def test_a_hidden_cause_reaches_where_long_plain_em_leads() -> None:
    """Three signs of a cause that is never seen, against EM written with one loop a record."""
    truth = network(3, [2, 2, 2, 2], [[], [0], [0], [0]])
    records = drawn(truth, 300, 0.0)
    places = np.array(records.places)
    places[:, 0] = -1
    start = network(4, [2, 2, 2, 2], [[], [0], [0], [0]])
    cause = start.nodes[0].table
    signs = np.array([node.table for node in start.nodes[1:]])  # sign, cause, state
    unique, number = np.unique(places, axis=0, return_counts=True)
    for _ in range(20_000):
        terms = [[signs[j, :, row[j + 1]] for j in range(3)] for row in unique]
        weights = cause * np.prod(terms, axis=1)
        shares = weights / weights.sum(axis=1, keepdims=True) * number[:, None]
        before, cause = cause, shares.sum(axis=0) / shares.sum()
        for j, state in itertools.product(range(3), range(2)):
            signs[j, :, state] = shares[unique[:, j + 1] == state].sum(axis=0)
        signs /= signs.sum(axis=2, keepdims=True)
        if np.abs(cause - before).max() < 1e-13:
            break
    found = learn(start, only(records, places), ess=0.0, rounds=5000)
    assert found.converged
    np.testing.assert_allclose(found.net.nodes[0].table, cause, rtol=0, atol=1e-5)
    for j in range(3):
        np.testing.assert_allclose(found.net.nodes[j + 1].table, signs[j], rtol=0, atol=1e-5)
    assert found.patterns == len(unique)


def test_weights_are_repetition_and_nothing() -> None:
    records = drawn(eight(), 200, 0.25)
    weights = np.arange(200) % 3
    repeated = only(records, np.repeat(records.places, weights, axis=0))
    weighted = only(records, records.places, weights)
    one, other = (learn(eight(7), each, ess=1.0) for each in (weighted, repeated))
    assert_same(one.net, other.net, 1e-12)
    assert one.patterns == other.patterns
    assert one.log_likelihood[-1] == pytest.approx(other.log_likelihood[-1], abs=1e-9)
    unweighted = learn(eight(7), records, ess=1.0)
    assert abs(unweighted.log_likelihood[-1] - one.log_likelihood[-1]) > 1.0


def test_the_order_of_records_and_columns_does_not_matter() -> None:
    records = drawn(eight(), 200, 0.25)
    rng = np.random.default_rng(2)
    records = only(records, np.repeat(records.places, 3, axis=0)[rng.permutation(600)[:200]])
    weights = rng.random(200)
    order, columns = rng.permutation(200), rng.permutation(8)
    one = learn(eight(7), only(records, records.places, weights))
    other = learn(eight(7), only(records, records.places[order], weights[order]))
    assert one.log_likelihood == other.log_likelihood
    for node in one.net.nodes:
        assert np.array_equal(node.table, other.net.node(node.name).table)
    moved = Records(
        tuple(records.names[k] for k in columns),
        tuple(records.states[k] for k in columns),
        records.places[:, columns],
        weights,
    )
    assert_same(learn(eight(7), moved).net, one.net, 0.0)


def test_trees_give_what_written_out_completions_give(monkeypatch: pytest.MonkeyPatch) -> None:
    records = drawn(eight(), 60, 0.35)
    records = only(records, records.places, np.linspace(0.5, 2.0, 60))
    one = learn(eight(7), records, ess=1.0)
    monkeypatch.setattr(expectation, "COMPLETIONS", 0)
    other = learn(eight(7), records, ess=1.0)
    assert other.rounds > 1
    assert_same(one.net, other.net, 1e-7)  # both come to rest by steps of 1e-9
    assert one.objective[-1] == pytest.approx(other.objective[-1], abs=1e-9)
    for name, counts in one.counts.items():
        np.testing.assert_allclose(counts, other.counts[name], rtol=0, atol=1e-6)


def test_a_long_chain_without_its_middle_goes_through_trees() -> None:
    """26 hidden links in one piece; the two ends against the product of the matrices."""
    sizes, parents = [2] * 28, [[], *([k] for k in range(27))]
    net = network(5, sizes, parents)
    places = np.full((4, 28), -1)
    places[:, 0], places[:, -1] = [0, 0, 1, 1], [0, 1, 0, 1]
    records = Records(tuple(n.name for n in net.nodes), tuple(n.states for n in net.nodes), places)
    keep = [node.name for node in net.nodes[1:]]
    found = learn(net, records, ess=0.0, keep=keep)
    through = np.linalg.multi_dot([node.table for node in net.nodes[1:]])
    wanted = 4 * math.log(0.5) + float(np.log(through).sum())
    assert found.log_likelihood[-1] == pytest.approx(wanted, abs=1e-9)
    np.testing.assert_allclose(found.net.nodes[0].table, [0.5, 0.5], rtol=0, atol=1e-12)
    assert expectation.COMPLETIONS < 2**26  # so it cannot have been written out


def test_pooling_by_hand() -> None:
    rows = [[[0.8, 0.2], [0.5, 0.5]], [[0.4, 0.6], [0.1, 0.9]]]
    np.testing.assert_allclose(pooled(rows, [3, 1]), [[0.7, 0.3], [0.4, 0.6]], atol=1e-15)
    # odds 4 and 2/3 with weights 1/2: sqrt(8/3); odds 1 and 1/9: 1/3
    odds = pooled(rows, [2, 2], "logarithmic")
    np.testing.assert_allclose(odds[:, 0] / odds[:, 1], [math.sqrt(8 / 3), 1 / 3], atol=1e-14)
    # an expert without weight cannot rule anything out
    ruled = pooled([[1.0, 0.0], [0.3, 0.7]], [0, 2], "logarithmic")
    np.testing.assert_allclose(ruled, [0.3, 0.7], atol=1e-15)


def test_em_of_the_other_library_is_not_better(tmp_path: Path) -> None:
    library = pytest.importorskip("pyagrum", reason="the comparison needs pyAgrum")
    net = triple(1)
    records = drawn(net, 400, 0.2)
    template = library.BayesNet()
    for node in net.nodes:
        template.add(library.LabelizedVariable(node.name, node.name, list(node.states)))
    for node in net.nodes:
        for parent in node.parents:
            template.addArc(parent, node.name)
    lines = [",".join(records.names)]
    lines += [",".join("?" if k < 0 else f"s{k}" for k in row) for row in records.places.tolist()]
    table = tmp_path / "records.csv"
    table.write_text("\n".join(lines) + "\n")
    learner = library.BNLearner(str(table), template, ["?"])
    learner.useNoPrior()
    learner.useEM(1e-6)
    library.initRandom(1)  # it starts from random tables, and from some stops short of the maximum
    with warnings.catch_warnings():
        # it stops with a warning where rounding makes its likelihood fall
        warnings.simplefilter("ignore", UserWarning)
        theirs = learner.learnParameters(template.dag())
    nodes = []
    for node in net.nodes:
        law = theirs.cpt(node.name)
        order = [law.names.index(name) for name in (*node.parents, node.name)]
        with warnings.catch_warnings():  # it sets the shape of an array, which NumPy 2.5 deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            raw = np.array(law.toarray())
        values = raw.transpose([len(order) - 1 - k for k in range(len(order))])
        values = values.transpose(order)
        nodes.append(
            Node(node.name, node.states, node.parents, values / values.sum(-1, keepdims=True))
        )
    other = Network(tuple(nodes))
    found = learn(net, records, ess=0.0, rounds=1000)
    assert found.log_likelihood[-1] >= enumerated(other, records) - 1e-9
    assert_same(found.net, other, 1e-3)
