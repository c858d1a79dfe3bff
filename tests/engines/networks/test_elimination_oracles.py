# SPDX-License-Identifier: Apache-2.0
"""Exact inference against published figures and another library, on published networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from perilscope.engines.networks.elimination import Network, Node, joint, marginals, probability_of

from ...reference import wanted

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
VARIABLE = re.compile(r"variable\s+(\S+)\s*\{\s*type discrete \[\s*\d+\s*\]\s*\{([^}]*)\}\s*;")
TABLE = re.compile(r"probability\s*\(\s*([^)|]+?)\s*(?:\|\s*([^)]*?)\s*)?\)\s*\{(.*?)\n\}", re.S)
ROW = re.compile(r"\(([^)]*)\)\s*([^;]*);")


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


def bif(name: str) -> Network:
    """A network in the Bayesian interchange format, read in float64, rows made to sum to 1."""
    path = DATA / "networks" / f"{name}.bif"
    if not path.exists():
        pytest.skip(f"no published network beside the project: {path.name}")
    text = path.read_text(encoding="utf-8")
    states = {name: words(listed) for name, listed in VARIABLE.findall(text)}
    nodes = []
    for child, given, body in TABLE.findall(text):
        parents = words(given) if given else ()
        table = np.full([len(states[one]) for one in (*parents, child)], np.nan)
        if parents:
            for key, row in ROW.findall(body):
                at = tuple(states[p].index(s) for p, s in zip(parents, words(key), strict=True))
                table[at] = [float(number) for number in words(row)]
        else:
            table[:] = [float(number) for number in words(body.split("table")[1].strip(" ;\n"))]
        assert not np.isnan(table).any()
        nodes.append(Node(child, states[child], parents, table / table.sum(axis=-1, keepdims=True)))
    assert len(nodes) == len(states)
    return Network(tuple(nodes))


def agree(
    one: Mapping[str, Mapping[str, float]],
    other: Mapping[str, Mapping[str, float]],
    tolerance: float = 1e-12,
) -> None:
    for node, law in other.items():
        for state, probability in law.items():
            assert one[node][state] == pytest.approx(probability, abs=tolerance), (node, state)


def test_asia_prior_is_as_lauritzen_and_spiegelhalter_print_it() -> None:
    # Lauritzen and Spiegelhalter, JRSS B 50 (1988), section 4: figures to four places
    prior = marginals(bif("asia"))
    printed = {"tub": 0.0104, "lung": 0.055, "bronc": 0.45, "either": 0.0648, "xray": 0.1103}
    for node, probability in {**printed, "dysp": 0.4360}.items():
        assert prior[node]["yes"] == pytest.approx(probability, abs=5e-5)


def test_earthquake_by_hand() -> None:
    # Korb and Nicholson, Bayesian Artificial Intelligence, network of Pearl's alarm; by arithmetic
    net = bif("earthquake")
    alarm = 0.01 * 0.02 * 0.95 + 0.01 * 0.98 * 0.94 + 0.99 * 0.02 * 0.29 + 0.99 * 0.98 * 0.001
    john = 0.9 * alarm + 0.05 * (1 - alarm)
    both = 0.9 * 0.7 * alarm + 0.05 * 0.01 * (1 - alarm)
    burgled = 0.01 * (0.02 * 0.95 + 0.98 * 0.94)
    burgled_both = burgled * 0.63 + (0.01 - burgled) * 0.0005
    assert marginals(net)["JohnCalls"]["True"] == pytest.approx(john, abs=1e-15)
    seen = {"JohnCalls": "True", "MaryCalls": "True"}
    assert probability_of(net, seen) == pytest.approx(both, rel=1e-14)
    posterior = marginals(net, seen)["Burglary"]["True"]
    assert posterior == pytest.approx(burgled_both / both, rel=1e-13)


def test_cancer_by_hand() -> None:
    # Korb and Nicholson: P(Cancer) = sum over pollution and smoking
    prior = 0.9 * 0.3 * 0.03 + 0.1 * 0.3 * 0.05 + 0.9 * 0.7 * 0.001 + 0.1 * 0.7 * 0.02
    net = bif("cancer")
    assert marginals(net)["Cancer"]["True"] == pytest.approx(prior, rel=1e-14)
    xray = 0.9 * prior / (0.9 * prior + 0.2 * (1 - prior))
    assert marginals(net, {"Xray": "positive"})["Cancer"]["True"] == pytest.approx(xray, rel=1e-13)


def test_reference_cases() -> None:
    mine = [case for case in wanted().values() if case.get("kind") == "bn_posterior"]
    assert len(mine) >= 4
    for case in mine:
        got = marginals(bif(case["network"]), case["evidence"])
        agree(got, case["expected_posterior"])


@pytest.mark.parametrize("name", ["asia", "cancer", "earthquake", "survey", "sachs", "alarm"])
def test_another_library_agrees(name: str) -> None:
    agrum = pytest.importorskip("perilscope.engines.networks.agrum")
    pytest.importorskip("pyagrum")
    net = bif(name)
    agree(marginals(net), agrum.marginals(net))
    last, first = net.nodes[-1], net.nodes[0]
    seen = {last.name: last.states[-1], first.name: first.states[0]}
    agree(marginals(net, seen), agrum.marginals(net, seen))


def test_joint_of_a_large_network_has_the_marginals_as_its_sums() -> None:
    net = bif("alarm")
    law = joint(net, ["HR", "BP"], {"CVP": "LOW"})
    prior = marginals(net, {"CVP": "LOW"})
    assert law.sum(axis=1) == pytest.approx(list(prior["HR"].values()), abs=1e-14)
    assert law.sum(axis=0) == pytest.approx(list(prior["BP"].values()), abs=1e-14)
