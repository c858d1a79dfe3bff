# SPDX-License-Identifier: Apache-2.0
"""The junction tree against enumeration, another library, and what was published."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope import formats
from perilscope.engines.networks import agrum, elimination
from perilscope.engines.networks.capacity import cost
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import OTHER, TREE, ask, joint, most_probable
from perilscope.engines.networks.junction import Junction
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.session import Session
from perilscope.errors import AssessmentError, MisuseError

from ...reference import wanted

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
NAMES = [
    "asia",
    "cancer",
    "earthquake",
    "survey",
    "sachs",
    "child",
    "alarm",
    "insurance",
    "hailfinder",
]


def published(name: str) -> Network:
    path = DATA / "networks" / f"{name}.bif"
    if not path.is_file():
        pytest.skip(f"no published network beside the project: {path.name}")
    return formats.read(path.read_bytes(), path.name).network


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Small networks of two or three states, parents among what stands before."""
    nodes: list[Node] = []
    for i in range(draw(st.integers(1, 7))):
        size = draw(st.integers(2, 3))
        parents = draw(st.lists(st.sampled_from(nodes), max_size=3, unique=True)) if nodes else []
        shape = [len(p.states) for p in parents]
        seed = draw(st.integers(0, 2**32 - 1))
        table = np.random.default_rng(seed).dirichlet(np.full(size, 0.7), shape)
        states = tuple("abc"[:size])
        nodes.append(Node(f"n{i}", states, tuple(p.name for p in parents), table))
    order = draw(st.permutations(nodes))
    return Network(tuple(order))


def every(net: Network) -> Iterator[tuple[dict[str, str], float]]:
    """Every joint state with its probability."""
    for states in itertools.product(*(node.states for node in net.nodes)):
        at = dict(zip(net.sizes, states, strict=True))
        p = 1.0
        for node in net.nodes:
            index = tuple(net.state(name, at[name]) for name in (*node.parents, node.name))
            p *= float(node.table[index])
        yield at, p


def enumerated(net: Network, weigh: Any = lambda _at: 1.0) -> tuple[dict[str, Any], float]:
    weights = [(at, p * weigh(at)) for at, p in every(net)]
    total = math.fsum(p for _, p in weights)
    laws = {
        node.name: {
            s: math.fsum(p for at, p in weights if at[node.name] == s) / total for s in node.states
        }
        for node in net.nodes
    }
    return laws, total


@given(networks(), st.data())
def test_marginals_and_evidence_are_those_of_enumeration(net: Network, data: st.DataObject) -> None:
    seen = data.draw(st.lists(st.sampled_from(net.nodes), max_size=2, unique=True))
    hard = {node.name: data.draw(st.sampled_from(node.states)) for node in seen}
    free = [node for node in net.nodes if node.name not in hard]
    soft = {}
    if free:
        node = data.draw(st.sampled_from(free))
        soft[node.name] = [0.9, 0.2, 0.5][: len(node.states)]

    def weigh(at: dict[str, str]) -> float:
        fits = all(at[name] == state for name, state in hard.items())
        return float(fits) * math.prod(v[net.state(n, at[n])] for n, v in soft.items())

    total = math.fsum(p * weigh(at) for at, p in every(net))
    if total < 1e-12:
        return
    laws, _ = enumerated(net, weigh)
    session = Session(net)
    session.know(Findings(hard=hard, likelihood=soft))
    for name, law in laws.items():
        assert session.marginal(name) == pytest.approx(law, abs=1e-12)
    assert session.log_probability == pytest.approx(math.log(total), abs=1e-11)


@given(networks(), st.data())
def test_what_is_taken_back_restores_every_bit(net: Network, data: st.DataObject) -> None:
    session = Session(net)
    session.know()
    before = session.marginals()
    node = data.draw(st.sampled_from(net.nodes))
    other = data.draw(st.sampled_from(net.nodes))
    session.know(Findings(likelihood={node.name: [0.3] * len(node.states)}))
    session.marginal(other.name)
    session.know(Findings(likelihood={other.name: [0.5, 0.1, 0.2][: len(other.states)]}))
    session.marginals()
    session.know()
    assert session.marginals() == before
    assert Session(net).marginals() == before


@given(networks(), st.data())
def test_joint_laws_of_any_nodes(net: Network, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(net.nodes), min_size=1, max_size=3, unique=True))
    names = [node.name for node in chosen]
    law = np.zeros([len(node.states) for node in chosen])
    for at, p in every(net):
        law[tuple(net.state(n, at[n]) for n in names)] += p
    session = Session(net)
    session.know()
    assert np.allclose(session.joint(names), law, atol=1e-13)
    assert np.allclose(joint(net, names), law, atol=1e-13)
    session.know()
    assert session.marginals() == Session(net).marginals()


@given(networks(), st.data())
def test_the_most_probable_explanation_is_the_largest_of_all(
    net: Network, data: st.DataObject
) -> None:
    node = data.draw(st.sampled_from(net.nodes))
    state = data.draw(st.sampled_from(node.states))
    fits = [(at, p) for at, p in every(net) if at[node.name] == state]
    whole = math.fsum(p for _, p in fits)
    if whole < 1e-9:
        return
    found = most_probable(net, Findings(hard={node.name: state}))
    best = max(p for _, p in fits)
    assert found.states[node.name] == state
    assert found.probability == pytest.approx(best / whole, rel=1e-9)
    own = next(p for at, p in fits if at == found.states)
    assert own == pytest.approx(best, rel=1e-12)
    other = net.nodes[0].name
    few = most_probable(net, Findings(hard={node.name: state}), [other])
    laws, _ = enumerated(net, lambda at: float(at[node.name] == state))
    assert few.probability == pytest.approx(max(laws[other].values()), abs=1e-12)


@settings(max_examples=40)
@given(networks(), st.data())
def test_targets_hold_all_at_once_and_move_as_little_as_can_be(
    net: Network, data: st.DataObject
) -> None:
    """Jeffrey: given the target nodes nothing else changes."""
    chosen = data.draw(st.lists(st.sampled_from(net.nodes), min_size=1, max_size=2, unique=True))
    laws, _ = enumerated(net)
    targets = {}
    for node in chosen:
        if min(laws[node.name].values()) < 1e-3:
            return
        mixed = [0.5 * p + 0.5 / len(node.states) for p in laws[node.name].values()]
        targets[node.name] = [p / math.fsum(mixed) for p in mixed]
    session = Session(net)
    try:
        session.know(Findings(target=targets))
    except AssessmentError:
        assert len(targets) == 2  # nodes that determine each other
        return
    for name, target in targets.items():
        assert list(session.marginal(name).values()) == pytest.approx(target, abs=1e-12)
    if len(targets) == 1:
        ((name, target),) = targets.items()
        for node in net.nodes:
            mixed = np.zeros(len(node.states))
            for q, state in zip(target, net.node(name).states, strict=True):
                given, _ = enumerated(net, lambda at, s=state: float(at[name] == s))
                mixed += q * np.array(list(given[node.name].values()))
            assert list(session.marginal(node.name).values()) == pytest.approx(mixed, abs=1e-10)


def test_an_intervention_is_not_an_observation() -> None:
    rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.2, 0.8]]))
    net = Network((rain, wet))
    seen = ask(net, Findings(hard={"wet": "yes"})).marginals["rain"]["yes"]
    made = ask(net, Findings(do={"wet": "yes"})).marginals["rain"]["yes"]
    assert seen == pytest.approx(0.16 / (0.16 + 0.08), rel=1e-12)
    assert made == pytest.approx(0.2, rel=1e-12)
    assert ask(net, Findings(do={"rain": "yes"})).marginals["wet"]["yes"] == pytest.approx(0.8)


def test_two_detectors_by_odds() -> None:
    """SOFT-02: prior 0.02, one fired (0.9, 0.03), one silent (0.6, 0.1); Bayes in odds form."""
    peril = Node("peril", ("no", "yes"), (), np.array([0.98, 0.02]))
    both = [0.03 * 0.9, 0.9 * 0.4]
    found = ask(Network((peril,)), Findings(likelihood={"peril": both})).marginals["peril"]["yes"]
    odds = 0.02 / 0.98 * 0.9 / 0.03 * 0.4 / 0.9
    assert found == pytest.approx(odds / (1 + odds), rel=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_published_networks_agree_with_the_other_engine(name: str) -> None:
    net = published(name)
    rng = np.random.default_rng(len(net.nodes))
    leaves = [node for node in net.nodes if not net.children[node.name]]
    session = Session(net)
    for count in (0, 1, 3):
        hard = {}
        for node in leaves[:count]:
            session.know(Findings(hard=hard))
            law = session.marginal(node.name)
            hard[node.name] = max(law, key=lambda s: (law[s], s))
        session.know(Findings(hard=hard))
        free = [node for node in net.nodes if node.name not in hard]
        node = free[int(rng.integers(len(free)))]
        soft = {node.name: rng.uniform(0.1, 1.0, len(node.states)).tolist()} if count else {}
        session.know(Findings(hard=hard, likelihood=soft))
        theirs, weight = agrum.laws(net, hard, soft), agrum.weight(net, hard, soft)
        mine = session.marginals()
        worst = max(abs(mine[n][s] - p) for n, law in theirs.items() for s, p in law.items())
        assert worst < 1e-12
        assert session.log_probability == pytest.approx(math.log(weight), abs=1e-10)


def test_reference_posteriors() -> None:
    known = [case for case in wanted().values() if case.get("kind") == "bn_posterior"]
    assert len(known) >= 4
    for case in known:
        found = ask(published(case["network"]), Findings(hard=case["evidence"])).marginals
        for node, law in case["expected_posterior"].items():
            assert found[node] == pytest.approx(law, abs=1e-12)


def test_the_order_of_declaration_moves_nothing_that_can_be_seen() -> None:
    net = published("alarm")
    turned = Network(tuple(reversed(net.nodes)))
    one, two = (Session(x).marginals() for x in (net, turned))
    for name, law in one.items():
        assert two[name] == pytest.approx(law, abs=1e-14)


def test_a_node_that_cannot_matter_changes_no_bit_of_a_joint_law() -> None:
    net = published("asia")
    extra = Node("noise", ("no", "yes"), ("dysp",), np.array([[0.3, 0.7], [0.6, 0.4]]))
    more = Network((*net.nodes, extra))
    seen = Findings(hard={"xray": "yes"})
    assert np.array_equal(joint(net, ["lung", "bronc"], seen), joint(more, ["lung", "bronc"], seen))


def test_what_cannot_happen_is_named_and_nothing_else() -> None:
    net = published("asia")
    # either is yes for certain where lung is yes
    clash = {"smoke": "yes", "lung": "yes", "bronc": "no", "either": "no"}
    with pytest.raises(AssessmentError) as refused:
        ask(net, Findings(hard=clash))
    said = str(refused.value)
    assert all(item in said for item in ("lung=yes", "either=no"))
    assert not any(item in said for item in ("smoke", "bronc"))


def test_a_thousand_certainties_do_not_underflow() -> None:
    nodes = [Node("n0", ("no", "yes"), (), np.array([0.9, 0.1]))]
    table = np.array([[0.9, 0.1], [0.1, 0.9]])
    nodes += [Node(f"n{i}", ("no", "yes"), (f"n{i - 1}",), table) for i in range(1, 1200)]
    hard = {f"n{i}": "yes" if i % 2 else "no" for i in range(1200)}
    found = ask(Network(tuple(nodes)), Findings(hard=hard), ["n7"])
    assert found.log_probability == pytest.approx(math.log(0.9) + 1199 * math.log(0.1), rel=1e-12)
    assert found.probability_of_evidence == 0.0
    assert found.marginals["n7"]["yes"] == 1.0


def grid(side: int) -> Network:
    """Nodes in a square, each below and beside another: width grows with the side."""
    rng = np.random.default_rng(1)
    nodes = []
    for i in range(side):
        for j in range(side):
            near = [(i - 1, j), (i, j - 1)]
            parents = tuple(f"{a}-{b}" for a, b in near if a >= 0 and b >= 0)
            nodes.append(
                Node(
                    f"{i}-{j}",
                    ("no", "yes"),
                    parents,
                    rng.dirichlet([1.0, 1.0], (2,) * len(parents)),
                )
            )
    return Network(tuple(nodes))


def test_what_no_engine_can_hold_is_refused_before_anything_is_made() -> None:
    with pytest.raises(AssessmentError, match="too densely connected"):
        ask(grid(45), engine=TREE)
    assert cost(grid(45), 1 << 20).stopped
    assert not cost(grid(6)).stopped


def test_what_is_too_large_for_ours_goes_to_the_other_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from perilscope.engines.networks import capacity

    net = grid(5)
    ours = ask(net)
    assert ours.algorithm == TREE
    monkeypatch.setattr(capacity, "TOTAL", 16)
    theirs = ask(net, Findings(hard={"4-4": "yes"}))
    monkeypatch.undo()
    assert theirs.algorithm == OTHER
    exact = ask(net, Findings(hard={"4-4": "yes"}))
    for name, law in exact.marginals.items():
        assert theirs.marginals[name] == pytest.approx(law, rel=2e-12)
    assert theirs.probability_of_evidence == pytest.approx(exact.probability_of_evidence, rel=1e-9)


@given(networks())
def test_transforms_travel_through_the_tree(net: Network) -> None:
    """E prod_i phi_i(w) over all states, at three frequencies at once."""
    w = np.array([0.0, 0.3, 1.7])
    phi = {
        node.name: np.exp(1j * np.outer(np.arange(len(node.states)) + 0.5 * k, w))
        for k, node in enumerate(net.nodes)
    }
    tree = Junction([node.factor for node in net.nodes], net.sizes)
    tree.know(phi)
    wanted = np.zeros(3, dtype=complex)
    for at, p in every(net):
        wanted += p * np.prod([phi[n][net.state(n, s)] for n, s in at.items()], axis=0)
    assert np.allclose(tree.transform(), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        (Findings(hard={"rain": "maybe"}), "no state maybe"),
        (Findings(hard={"snow": "yes"}), "no node snow"),
        (Findings(likelihood={"rain": [0.5]}), "1 numbers for 2 states"),
        (Findings(likelihood={"rain": [0.0, 0.0]}), "nowhere above zero"),
        (Findings(likelihood={"rain": [-1.0, 1.0]}), "negative"),
        (Findings(target={"rain": [0.4, 0.4]}), "target probabilities add to"),
        (Findings(hard={"rain": "yes"}, target={"rain": [0.5, 0.5]}), "known in two ways"),
    ],
)
def test_findings_that_do_not_fit_are_refused(findings: Findings, words: str) -> None:
    net = Network((Node("rain", ("no", "yes"), (), np.array([0.8, 0.2])),))
    with pytest.raises(MisuseError, match=words):
        ask(net, findings)


def test_elimination_says_the_same() -> None:
    net = published("child")
    one = Session(net).marginals()
    for name, law in elimination.marginals(net).items():
        assert one[name] == pytest.approx(law, abs=1e-13)
