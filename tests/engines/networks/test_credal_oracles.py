# SPDX-License-Identifier: Apache-2.0
"""Bounds against brute force over corners, a linear programme, and tables drawn inside."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.optimize import linprog

from perilscope.engines.networks import credal
from perilscope.engines.networks.credal import Bounds, bounds
from perilscope.engines.networks.credal_rows import corners, filled, middle, tightened
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask
from perilscope.engines.networks.network import Network, Node

TWO = ("no", "yes")
Known = dict[str, tuple[np.ndarray, np.ndarray]]


def made(parents: dict[str, tuple[str, ...]], sizes: dict[str, int], seed: int) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        tuple(
            Node(
                name,
                tuple(f"s{k}" for k in range(sizes[name])),
                above,
                rng.dirichlet([1.5] * sizes[name], [sizes[p] for p in above]),
            )
            for name, above in parents.items()
        )
    )


def around(net: Network, names: list[str], width: float, seed: int) -> Known:
    """Intervals round the tables of some nodes, not all of them as tight as they could be."""
    rng = np.random.default_rng(seed)
    known = {}
    for name in names:
        table = net.node(name).table
        low = np.clip(table - width * rng.random(table.shape), 0.0, 1.0)
        known[name] = (low, np.clip(table + width * rng.random(table.shape), 0.0, 1.0))
    return known


def ends_of_binary_rows(low: np.ndarray, high: np.ndarray) -> Iterator[np.ndarray]:
    """All tables of a binary node with each row at an end of its second entry."""
    least = np.maximum(low[..., 1], 1.0 - high[..., 0])
    most = np.minimum(high[..., 1], 1.0 - low[..., 0])
    for ends in itertools.product((0, 1), repeat=least.size):
        second = np.where(np.reshape(ends, least.shape), most, least)
        yield np.stack([1.0 - second, second], axis=-1)


def brute(net: Network, known: Known, findings: Findings, node: str, state: str) -> tuple:
    found = []
    for tables in itertools.product(*(ends_of_binary_rows(*pair) for pair in known.values())):
        nodes = [net.node(name) for name in known]
        moved = net.replaced(
            *(Node(n.name, n.states, n.parents, t) for n, t in zip(nodes, tables, strict=True))
        )
        found.append(ask(moved, findings).marginals[node][state])
    return min(found), max(found)


BINARY = {"a": (), "b": ("a",), "c": ("a", "b")}
QUESTIONS = [
    ("c", Findings()),
    ("a", Findings(hard={"c": "s1"})),
    ("b", Findings(hard={"c": "s0"}, likelihood={"a": [0.3, 0.9]})),
    ("c", Findings(likelihood={"c": [1.0, 4.0]}, do={"b": "s1"})),
    ("a", Findings(hard={"b": "s1"})),
]


def meets(found: Bounds, findings: Findings, node: str, state: str) -> None:
    """What is said to be met is met by the tables that are handed back."""
    for bound, net in ((found.lower, found.at_lower), (found.upper, found.at_upper)):
        value = ask(net, findings).marginals[node][state]
        assert value == pytest.approx(bound.value, rel=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("node", "findings"), QUESTIONS)
def test_all_corners_of_a_small_network(node: str, findings: Findings, seed: int) -> None:
    net = made(BINARY, dict.fromkeys(BINARY, 2), seed)
    known = around(net, [name for name in BINARY if name not in findings.do], 0.3, seed)
    found = bounds(net, known, node, "s1", findings)
    wanted = brute(net, known, findings, node, "s1")
    assert found.lower.kind == found.upper.kind == found.outer_upper.kind == "exact"
    assert (found.lower.value, found.upper.value) == pytest.approx(wanted, rel=1e-12)
    assert found.upper.value - found.lower.value > 0.01
    meets(found, findings, node, "s1")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("node", "findings"), QUESTIONS)
def test_the_search_against_all_corners(node: str, findings: Findings, seed: int) -> None:
    net = made(BINARY, dict.fromkeys(BINARY, 2), seed)
    known = around(net, [name for name in BINARY if name not in findings.do], 0.3, seed)
    found = bounds(net, known, node, "s1", findings, most=0)
    least, greatest = brute(net, known, findings, node, "s1")
    # in so small a network one of the starts finds the corner; the outer bounds hold always
    assert (found.lower.value, found.upper.value) == pytest.approx((least, greatest), rel=1e-10)
    assert found.outer_lower.value <= least * (1.0 + 1e-12)
    assert found.outer_upper.value >= greatest * (1.0 - 1e-12)
    meets(found, findings, node, "s1")


def test_one_start_is_not_always_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    net = made(BINARY, dict.fromkeys(BINARY, 2), 59)
    known = around(net, list(BINARY), 0.5, 59)
    wanted = brute(net, known, Findings(), "c", "s1")
    found = bounds(net, known, "c", "s1", most=0)
    assert (found.lower.value, found.upper.value) == pytest.approx(wanted, rel=1e-10)
    monkeypatch.setattr(credal, "STARTS", 1)
    found = bounds(net, known, "c", "s1", most=0)
    short = max(found.lower.value - wanted[0], wanted[1] - found.upper.value)
    assert short > 1e-3
    assert "inner" in (found.lower.kind, found.upper.kind)


def test_a_search_that_ends_too_soon_is_not_called_exact() -> None:
    net = made(BINARY, dict.fromkeys(BINARY, 2), 35)
    known, (node, findings) = around(net, list(BINARY), 0.5, 35), QUESTIONS[2]
    least, greatest = brute(net, known, findings, node, "s1")
    found = bounds(net, known, node, "s1", findings, most=0)
    for bound, outer, wanted in (
        (found.lower, found.outer_lower, least),
        (found.upper, found.outer_upper, greatest),
    ):
        if bound.kind == "exact":
            assert bound.value == pytest.approx(wanted, rel=1e-9)
        assert abs(bound.value - 0.5 * (least + greatest)) <= (greatest - least) / 2 + 1e-12
        assert abs(outer.value - 0.5 * (least + greatest)) >= (greatest - least) / 2 - 1e-12
    assert found.lower.value - least + greatest - found.upper.value > 1e-4


def drawn(pair: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A table inside, as a mean of corners."""
    low, high = tightened(*pair)
    parts = [filled(low, high, rng.random(low.shape)) for _ in range(3)]
    table: np.ndarray = np.average(parts, axis=0, weights=rng.dirichlet([0.5] * 3))
    return table


LARGE = {
    "a": (),
    "b": ("a",),
    "c": ("a",),
    "d": ("b", "c"),
    "e": ("d",),
    "f": ("c", "e"),
    "g": ("f", "a"),
}
SIZES = {"a": 3, "b": 2, "c": 3, "d": 3, "e": 2, "f": 2, "g": 2}
SEEN = Findings(hard={"g": "s1"}, likelihood={"e": [0.2, 0.7]})


@pytest.mark.parametrize("findings", [Findings(), SEEN, Findings(hard={"f": "s0"})])
@pytest.mark.parametrize("most", [0, 20_000])
def test_tables_inside_never_pass_the_outer_bounds(findings: Findings, most: int) -> None:
    net = made(LARGE, SIZES, 9)
    names = ["a", "b", "d", "f"] if most == 0 else ["a", "c", "e"]
    known = around(net, names, 0.2, 9)
    found = bounds(net, known, "d", "s2", findings, most=most)
    meets(found, findings, "d", "s2")
    low, high = found.outer_lower.value, found.outer_upper.value
    assert low <= found.lower.value < found.upper.value <= high
    exact = bool(most) or not findings.items()  # without evidence the outer bound is met here
    assert {found.lower.kind, found.upper.kind} == {"exact" if exact else "inner"}
    assert {found.outer_lower.kind, found.outer_upper.kind} == {"exact" if exact else "outer"}
    rng, inside = np.random.default_rng(4), []
    for _ in range(150):
        nodes = [net.node(name) for name in known]
        moved = net.replaced(
            *(Node(n.name, n.states, n.parents, drawn(known[n.name], rng)) for n in nodes)
        )
        inside.append(ask(moved, findings).marginals["d"]["s2"])
    assert low - 1e-12 <= min(inside)
    assert max(inside) <= high + 1e-12
    # the search ends where no draw is better, though only the outer bounds are certain
    assert found.lower.value <= min(inside) + 1e-12
    assert found.upper.value >= max(inside) - 1e-12


def test_the_search_and_all_corners_agree_with_more_states() -> None:
    net = made(LARGE, SIZES, 5)
    known = around(net, ["a", "d", "g"], 0.1, 5)
    # two rows of three states stay open in d, the others are closed
    low, high = known["d"]
    table = net.node("d").table
    low[1:], high[1:] = table[1:], table[1:]
    every, searched = (bounds(net, known, "b", "s1", SEEN, most=most) for most in (20_000, 0))
    assert every.lower.kind == every.upper.kind == "exact"
    assert searched.lower.value == pytest.approx(every.lower.value, rel=1e-9)
    assert searched.upper.value == pytest.approx(every.upper.value, rel=1e-9)
    assert searched.outer_lower.value <= every.lower.value * (1.0 + 1e-12)
    assert searched.outer_upper.value >= every.upper.value * (1.0 - 1e-12)


def test_a_long_chain_is_exact_without_trying_corners() -> None:
    # by hand: P(yes) goes through p -> stay + (leave - stay) p, rising in p, so its ends do too
    number = 24
    parents = {f"n{k}": (f"n{k - 1}",) if k else () for k in range(number)}
    net = made(parents, dict.fromkeys(parents, 2), 1)
    low = np.array([[0.85, 0.05], [0.15, 0.75]])
    high = np.array([[0.95, 0.15], [0.25, 0.85]])
    known: Known = dict.fromkeys(list(parents)[1:], (low, high))
    start = float(net.node("n0").table[1])
    least, most = start, start
    for _ in range(number - 1):
        least = 0.05 + (0.75 - 0.05) * least
        most = 0.15 + (0.85 - 0.15) * most
    found = bounds(net, known, f"n{number - 1}", "s1")
    assert (found.lower.value, found.upper.value) == pytest.approx((least, most), rel=1e-9)
    assert (found.outer_lower.value, found.outer_upper.value) == pytest.approx(
        (least, most), rel=1e-9
    )
    assert [b.kind for b in (found.lower, found.upper, found.outer_lower)] == ["exact"] * 3


@pytest.mark.parametrize("seed", range(5))
def test_one_row_against_a_linear_programme(seed: int) -> None:
    rng = np.random.default_rng(seed)
    law, gain = rng.dirichlet([1.0] * 6), rng.normal(size=6)
    low, high = tightened(
        np.clip(law - 0.3 * rng.random(6), 0.0, 1.0), np.clip(law + 0.3 * rng.random(6), 0.0, 1.0)
    )
    wanted = linprog(-gain, A_eq=[[1.0] * 6], b_eq=[1.0], bounds=list(zip(low, high, strict=True)))
    best = filled(low, high, gain)
    assert best.sum() == pytest.approx(1.0, abs=1e-14)
    assert best @ gain == pytest.approx(-wanted.fun, abs=1e-12)
    listed = corners(low, high)
    assert (listed @ gain).max() == pytest.approx(-wanted.fun, abs=1e-12)
    inside = middle(low, high)
    assert inside.sum() == pytest.approx(1.0, abs=1e-14)
    for rows in (listed, inside):
        assert np.all((rows >= low - 1e-14) & (rows <= high + 1e-14))
    # every end is reached by some corner, so none can be drawn in any further
    assert listed.min(axis=0) == pytest.approx(low, abs=1e-12)
    assert listed.max(axis=0) == pytest.approx(high, abs=1e-12)


@pytest.mark.parametrize(("size", "number"), [(2, 2), (3, 3), (4, 4), (5, 5)])
def test_all_laws_have_a_corner_for_each_state(size: int, number: int) -> None:
    assert corners(np.zeros(size), np.ones(size)).tolist() == np.eye(size)[::-1].tolist()
    # up to one half each: the corners are the pairs
    pairs = corners(np.zeros(size), np.full(size, 0.5))
    assert len(pairs) == math.comb(number, 2)
