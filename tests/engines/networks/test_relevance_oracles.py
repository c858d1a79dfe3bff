# SPDX-License-Identifier: Apache-2.0
"""Most relevant explanation against enumeration of all joint states."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.relevance import most_relevant
from perilscope.errors import MisuseError

NO_YES = ("no", "yes")


def circuit(seed: int) -> Network:
    rng = np.random.default_rng(seed)
    a = Node("a", NO_YES, (), rng.dirichlet([8, 1]))
    b = Node("b", ("x", "y", "z"), (), rng.dirichlet([5, 1, 1]))
    c = Node("c", NO_YES, ("a", "b"), rng.dirichlet([1, 1], (2, 3)))
    d = Node("d", NO_YES, ("c",), rng.dirichlet([1, 1], 2))
    return Network((a, b, c, d))


def joint(net: Network) -> dict[tuple[str, ...], float]:
    found = {}
    for at in itertools.product(*(range(len(n.states)) for n in net.nodes)):
        place = dict(zip(net.sizes, at, strict=True))
        p = 1.0
        for node in net.nodes:
            p *= float(node.table[(*(place[q] for q in node.parents), place[node.name])])
        found[tuple(n.states[k] for n, k in zip(net.nodes, at, strict=True))] = p
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_bayes_factor_is_that_of_all_joint_states(seed: int) -> None:
    net = circuit(seed)
    law = joint(net)
    names = list(net.sizes)
    seen = [x for x in law if x[3] == "yes"]
    expected = {}
    for size in (1, 2, 3):
        for nodes in itertools.combinations(("a", "b", "c"), size):
            at = [names.index(n) for n in nodes]
            for states in itertools.product(*(net.node(n).states for n in nodes)):
                inside = [x for x in law if all(x[k] == s for k, s in zip(at, states, strict=True))]
                p = sum(law[x] for x in inside)
                both = sum(law[x] for x in inside if x in seen)
                rest = sum(law[x] for x in seen) - both
                factor = (both / p) / (rest / (1.0 - p))
                key = frozenset(zip(nodes, states, strict=True))
                expected[key] = (factor, p, both / sum(law[x] for x in seen))
    found = most_relevant(net, Findings(hard={"d": "yes"}))
    best = max(expected.values())
    assert found[0].factor == pytest.approx(best[0], rel=1e-10)
    for each in found:
        factor, before, after = expected[frozenset(each.states.items())]
        assert (each.factor, each.before, each.after) == pytest.approx((factor, before, after))
    assert [each.factor for each in found] == sorted((e.factor for e in found), reverse=True)


def test_what_has_nothing_to_do_with_it_explains_nothing() -> None:
    net = Network((*circuit(0).nodes, Node("e", NO_YES, (), [0.5, 0.5])))
    found = most_relevant(net, Findings(hard={"d": "yes"}), ["e", "c"])
    assert next(iter(found[0].states)) == "c"
    alone = next(each for each in found if set(each.states) == {"e"})
    assert alone.factor == pytest.approx(1.0)
    assert not any({"c", "e"} <= set(each.states) for each in found)  # says more, explains no more


def test_nothing_known_is_refused() -> None:
    with pytest.raises(MisuseError, match="nothing is known"):
        most_relevant(circuit(0), Findings())
    with pytest.raises(MisuseError, match="no node is left"):
        most_relevant(circuit(0), Findings(hard={"a": "yes"}))
