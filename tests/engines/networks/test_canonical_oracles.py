# SPDX-License-Identifier: Apache-2.0
"""Nodes without full tables against the tables they stand for, and against other routes."""

import itertools
import math
import time
from typing import Any

import numpy as np
import pytest

from perilscope.engines.networks import elimination
from perilscope.engines.networks.canonical import (
    Canonical,
    Logistic,
    NoisyAnd,
    NoisyMax,
    noisy_or,
    tabled,
)
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask, most_probable
from perilscope.engines.networks.network import AnyNode, Network, Node
from perilscope.engines.networks.one_way import one_way
from perilscope.engines.networks.ranked import Ranked
from perilscope.engines.networks.session import Session
from perilscope.errors import AssessmentError, MisuseError

from ...reference import case

NO_YES = ("no", "yes")
rng = np.random.default_rng(20261123)


def law(*shape: int) -> np.ndarray[Any, Any]:
    """Random rows, the last axis a law."""
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def roots(sizes: tuple[int, ...]) -> list[AnyNode]:
    """Independent parents with states of their own."""
    return [
        Node(f"p{i}", tuple(f"s{k}" for k in range(n)), (), law(n)) for i, n in enumerate(sizes)
    ]


def drawn(kind: str, name: str, sizes: tuple[int, ...], parents: tuple[str, ...]) -> Canonical:
    """A node of a kind with random numbers."""
    if kind == "max":
        states = ("low", "middle", "high")
        return NoisyMax(name, states, parents, sizes, tuple(law(n, 3) for n in sizes), law(3))
    if kind == "and":
        return NoisyAnd(name, NO_YES, parents, sizes, tuple(rng.random(n) for n in sizes), 0.9)
    if kind == "logistic":
        weights = tuple(rng.normal(0.0, 2.0, n) for n in sizes)
        return Logistic(name, NO_YES, parents, sizes, -1.5, weights)
    whole = tuple(float(w) for w in rng.integers(1, 4, len(sizes)))
    return Ranked(name, ("low", "middle", "high"), parents, sizes, whole, 0.15)


KINDS = ("max", "and", "logistic", "ranked")


def thirds(mean: float, spread: float) -> list[float]:
    """A normal law cut to [0, 1], over its thirds."""
    edges = (0.0, 1 / 3, 2 / 3, 1.0)
    edge = [0.5 * math.erfc((mean - x) / (spread * math.sqrt(2.0))) for x in edges]
    return [(edge[k + 1] - edge[k]) / (edge[3] - edge[0]) for k in range(3)]


def brute(kind: str, node: Any, at: tuple[int, ...]) -> list[float]:
    """The law of a node for one choice of its parents' states, from its definition."""
    if kind == "max":
        found = [0.0] * 3
        effects = [node.effects[i][k] for i, k in enumerate(at)] + [node.leak]
        for each in itertools.product(range(3), repeat=len(effects)):
            found[max(each)] += math.prod(float(e[k]) for e, k in zip(effects, each, strict=True))
        return found
    if kind == "and":
        yes = node.most * math.prod(float(node.passes[i][k]) for i, k in enumerate(at))
        return [1.0 - yes, yes]
    if kind == "logistic":
        odds = math.exp(node.intercept + sum(float(node.weights[i][k]) for i, k in enumerate(at)))
        return [1.0 / (1.0 + odds), odds / (1.0 + odds)]
    mean = sum(w * (k + 0.5) / n for w, k, n in zip(node.weights, at, node.sizes, strict=True))
    return thirds(mean / sum(node.weights), node.spread)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_is_what_the_definition_says(kind: str) -> None:
    sizes = (2, 3, 2, 4)
    node = drawn(kind, "y", sizes, tuple(f"p{i}" for i in range(4)))
    for at in itertools.product(*map(range, sizes)):
        assert node.table[at] == pytest.approx(brute(kind, node, at), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_table_a_network_answers_the_same(kind: str) -> None:
    sizes = (2, 3, 2, 2)
    above = roots(sizes)
    node = drawn(kind, "y", sizes, tuple(each.name for each in above))
    last = len(node.states) - 1
    below = Node("z", NO_YES, ("y", "p0"), law(len(node.states), 2, 2))
    net = Network((*above, node, below))
    full = tabled(net)
    for known in (
        Findings(),
        Findings(hard={"z": "yes"}),
        Findings(hard={"y": node.states[last], "p1": "s2"}),
        Findings(likelihood={"y": list(range(1, last + 2))}, hard={"z": "no"}),
        Findings(target={"y": [1.0 / (last + 1)] * (last + 1)}),
        Findings(do={"p2": "s1"}, hard={"z": "yes"}),
    ):
        short, long = ask(net, known), ask(full, known)
        for name, expected in long.marginals.items():
            assert short.marginals[name] == pytest.approx(expected, abs=1e-12)
        assert short.log_probability == pytest.approx(long.log_probability, abs=1e-11)
    one = elimination.joint(net, ["y", "p3"], {"z": "yes"})
    assert one == pytest.approx(elimination.joint(full, ["y", "p3"], {"z": "yes"}), abs=1e-12)
    assert most_probable(net, Findings(hard={"z": "yes"})) == most_probable(
        full, Findings(hard={"z": "yes"})
    )
    assert one_way(net, "z", "yes") == one_way(full, "z", "yes")


def test_noisy_or_of_the_reference_case() -> None:
    entry = case("NOISYOR-01")
    parents = {f"p{i}": p for i, p in enumerate(entry["p"])}
    node = noisy_or("y", NO_YES, parents, entry["leak"])
    for at, expected in entry["expected"].items():
        found = float(node.table[tuple(map(int, at))][1])
        assert found == pytest.approx(expected, abs=entry["tol_abs"])


def test_noisy_max_of_the_reference_case() -> None:
    entry = case("NOISYMAX-01")
    rows = [np.diff(entry[f"cause_{who}_cdf"], prepend=0.0) for who in "AB"]
    leak = np.diff(entry["leak_cdf"], prepend=0.0)
    effects = tuple([[1.0, 0.0, 0.0], row] for row in rows)
    node = NoisyMax("y", ("a", "b", "c"), ("p0", "p1"), (2, 2), effects, leak)
    assert node.table[1, 1] == pytest.approx(entry["expected"], abs=entry["tol_abs"])


def test_noisy_or_with_15_parents_equals_the_other_library() -> None:
    agrum = pytest.importorskip("pyagrum")
    chances = rng.uniform(0.05, 0.6, 15).tolist()
    bn = agrum.BayesNet()
    bn.addNoisyORNet(agrum.LabelizedVariable("y", "y", 2), 0.02)
    for i, p in enumerate(chances):
        bn.add(agrum.LabelizedVariable(f"p{i}", "", 2))
        bn.addWeightedArc(f"p{i}", "y", p)
        bn.cpt(f"p{i}").fillWith([0.7, 0.3])
    engine = agrum.LazyPropagation(bn)
    engine.setEvidence({"y": 1})
    engine.makeInference()
    expected = [float(engine.posterior(f"p{i}")[1]) for i in range(15)]
    above = [Node(f"p{i}", NO_YES, (), [0.7, 0.3]) for i in range(15)]
    node = noisy_or("y", NO_YES, {f"p{i}": p for i, p in enumerate(chances)}, 0.02)
    found = ask(Network((*above, node)), Findings(hard={"y": "yes"})).marginals
    assert [found[f"p{i}"]["yes"] for i in range(15)] == pytest.approx(expected, abs=1e-12)


def test_25_parents_against_the_closed_form() -> None:
    above = roots((2,) * 25)
    effects = tuple([[1.0, 0.0, 0.0], law(3)] for _ in above)
    leak = law(3)
    node = NoisyMax("y", ("a", "b", "c"), tuple(p.name for p in above), (2,) * 25, effects, leak)
    net = Network((*above, node))
    below = np.cumsum(leak)
    for parent, rows in zip(above, effects, strict=True):
        below = below * (parent.table @ np.cumsum(np.array(rows), axis=1))
    expected = np.diff(below, prepend=0.0)
    found = ask(net, targets=["y"]).marginals["y"]
    assert list(found.values()) == pytest.approx(expected.tolist(), abs=1e-12)
    # and upwards, by Bayes' rule with one parent held
    seen = ask(net, Findings(hard={"y": "c"}), targets=["p7"]).marginals["p7"]
    held = below[1] / (above[7].table @ np.cumsum(np.array(effects[7]), axis=1))[1]
    own = above[7].table * (1.0 - held * np.cumsum(np.array(effects[7]), axis=1)[:, 1])
    assert list(seen.values()) == pytest.approx((own / own.sum()).tolist(), abs=1e-12)


def test_25_parents_of_a_logistic_node_against_simulation_of_its_sum() -> None:
    above = roots((2,) * 25)
    weights = tuple((0.0, w) for w in rng.normal(0.0, 0.7, 25).tolist())
    node = Logistic("y", NO_YES, tuple(p.name for p in above), (2,) * 25, -1.0, weights)
    found = ask(Network((*above, node)), targets=["y"]).marginals["y"]["yes"]
    n = 400_000
    total = np.full(n, -1.0)
    for parent, row in zip(above, weights, strict=True):
        total += np.where(rng.random(n) < parent.table[1], row[1], row[0])
    draws = 1.0 / (1.0 + np.exp(-total))
    assert abs(found - draws.mean()) < 4.5 * draws.std() / math.sqrt(n)


def test_25_ranked_parents_are_answered() -> None:
    above = roots((3,) * 25)
    node = Ranked("y", ("l", "m", "h"), tuple(p.name for p in above), (3,) * 25, (1.0,) * 25, 0.2)
    found = ask(Network((*above, node)), targets=["y"]).marginals["y"]
    sums = np.array([1.0])
    for parent in above:
        sums = np.convolve(sums, parent.table)
    means = (np.arange(len(sums)) / 3 + 25 * 0.5 / 3) / 25
    rows = np.array([thirds(float(m), 0.2) for m in means])
    assert list(found.values()) == pytest.approx((sums @ rows).tolist(), abs=1e-9)


def test_what_needs_the_full_table_refuses_at_once_where_it_is_too_large() -> None:
    above = roots((2,) * 25)
    node = noisy_or("y", NO_YES, {p.name: 0.1 for p in above}, 0.01)
    net = Network((*above, Node("z", NO_YES, ("y",), law(2, 2)), node))
    start = time.process_time()
    with pytest.raises(AssessmentError, match="67,108,864 cells"):
        most_probable(net)
    assert time.process_time() - start < 2.0
    assert Session(net).marginal("z")["yes"] > 0.0


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: noisy_or("y", NO_YES, {"a": 1.2}), "negative or does not sum"),
        (lambda: NoisyMax("y", NO_YES, ("a",), (2,), ([[1, 0]],)), "one effect for each state"),
        (lambda: NoisyAnd("y", NO_YES, ("a",), (2,), ((0.1, 1.1),)), "outside 0 to 1"),
        (lambda: Logistic("y", NO_YES, ("a",), (2,), math.nan, ((0, 1),)), "not finite"),
        (lambda: Logistic("y", NO_YES, ("a",), (2,), 0.0, ((0, 900),)), "beyond belief"),
        (lambda: Ranked("y", NO_YES, ("a",), (2,), (0.0,), 0.1), "weight above zero"),
        (lambda: Ranked("y", NO_YES, ("a",), (2,), (1.0,), 0.0), "spread above zero"),
    ],
)
def test_numbers_that_make_no_node_are_refused(made: Any, why: str) -> None:
    with pytest.raises(MisuseError, match=why):
        made()
