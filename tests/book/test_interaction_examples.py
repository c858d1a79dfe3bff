# SPDX-License-Identifier: Apache-2.0
"""Tables said in a few numbers a parent: what they mean, and what is refused where."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from perilscope.book import load_text
from perilscope.book.canonical import content_hash
from perilscope.engines.networks import elimination
from perilscope.errors import BookError
from perilscope.layers import networks

HEAD = """
institution: {name: Small Fund, kind: hedge fund, net_assets: 20M}
currency: USD
as_of: 2026-11-20
networks:
  net:
    nodes:
      a: {table: [0.7, 0.3]}
      b: {states: [low, mid, high], table: [0.5, 0.3, 0.2]}
      y:
        parents: [a, b]
"""


def network(table: str, states: str = "[no, yes]") -> Any:
    text = f"{HEAD}        states: {states}\n        table: {table}\n"
    book = load_text(text)
    return networks.network(book.networks["net"]), book


def faults(table: str, states: str = "[no, yes]") -> list[Any]:
    with pytest.raises(BookError) as found:
        network(table, states)
    return list(found.value.faults)


def test_noisy_or() -> None:
    net, _ = network("{noisy-or: {a: 30 %, b: {mid: 5 %, high: 60 %}}, leak: 1 %}")
    table = net.node("y").table
    for i, j in itertools.product(range(2), range(3)):
        escapes = 0.99 * (1 - 0.3 * i) * (1 - (0.0, 0.05, 0.6)[j])
        assert table[i, j, 1] == pytest.approx(1 - escapes, abs=1e-14)


def test_noisy_and() -> None:
    net, _ = network("{noisy-and: {a: 90 %, b: {mid: 20 %, high: 1}}, most: 80 %}")
    assert net.node("y").table[1, :, 1] == pytest.approx([0.0, 0.8 * 0.9 * 0.2, 0.8 * 0.9])
    assert net.node("y").table[0, 2, 1] == pytest.approx(0.0, abs=1e-15)


def test_noisy_max() -> None:
    net, _ = network(
        "{noisy-max: {a: {yes: [0.5, 0.3, 0.2]}, b: {high: [0.1, 0.4, 0.5]}}, leak: [0.9, 0.1, 0]}",
        "[none, some, all]",
    )
    below = [0.5 * 0.1 * 0.9, 0.8 * 0.5 * 1.0, 1.0]
    expected = [below[0], below[1] - below[0], 1.0 - below[1]]
    assert net.node("y").table[1, 2] == pytest.approx(expected, abs=1e-14)
    assert net.node("y").table[0, 0] == pytest.approx([0.9, 0.1, 0.0], abs=1e-14)


def test_logistic_from_where_nothing_is_wrong() -> None:
    net, _ = network("{logistic: {a: 3, b: {mid: 2, high: 12}}, otherwise: 1 %}")
    for i, j in itertools.product(range(2), range(3)):
        odds = 0.01 / 0.99 * (1, 3)[i] * (1, 2, 12)[j]
        assert net.node("y").table[i, j, 1] == pytest.approx(odds / (1 + odds), abs=1e-13)


@pytest.mark.parametrize("overall", ["0.01 %", "3 %", "70 %"])
def test_logistic_with_its_overall_chance(overall: str) -> None:
    net, _ = network(f"{{logistic: {{a: 3, b: {{mid: 2, high: 12}}}}, overall: {overall}}}")
    wanted = float(overall.split()[0]) / 100
    assert elimination.marginal(net, "y")["yes"] == pytest.approx(wanted, rel=1e-11)
    odds = net.node("y").table[..., 1] / net.node("y").table[..., 0]
    assert odds[1, 2] / odds[0, 0] == pytest.approx(36.0, rel=1e-8)


def test_ranked() -> None:
    net, _ = network("{ranked: {a: 2, b: 1}, spread: 0.2}", "[low, high]")
    mean = (2 * 0.75 + 1 * 5 / 6) / 3  # a in its upper half, b in its upper third
    cuts = [0.5 * math.erfc((mean - x) / (0.2 * math.sqrt(2))) for x in (0, 0.5, 1)]
    expected = (cuts[2] - cuts[1]) / (cuts[2] - cuts[0])
    assert net.node("y").table[1, 2, 1] == pytest.approx(expected, abs=1e-14)


def test_the_book_has_the_same_hash_however_it_is_written() -> None:
    _, one = network("{noisy-or: {a: 30 %, b: {high: 60 %}}, leak: 1 %}")
    _, two = network("{leak: 0.01, noisy-or: {b: {low: 0, high: 0.6}, a: {yes: 0.3}}}")
    _, three = network("{noisy-or: {a: 31 %, b: {high: 60 %}}, leak: 1 %}")
    assert content_hash(one) == content_hash(two) != content_hash(three)


@pytest.mark.parametrize(
    ("table", "where", "what"),
    [
        ("{noisy-or: {a: 30 %}, leak: 1 %}", "table.noisy-or", "nothing is said of b"),
        ("{noisy-or: {a: 1, c: 1}}", "table.noisy-or.c", "`c` is no parent"),
        ("{noisy-or: {a: 130 %, b: 1}}", "table.noisy-or.a.yes", "above 1"),
        ("{noisy-or: {a: {maybe: 1}, b: 1}}", "table.noisy-or.a.maybe", "no state `maybe`"),
        ("{noisy-or: {a: 1, b: 1}, most: 1}", "table.most", "does not belong here"),
        ("{noisy-or: 3}", "table.noisy-or", "a mapping of parents is wanted"),
        ("{logistic: {a: 2, b: 2}}", "table", "chance of the last state is given once"),
        ("{logistic: {a: -2, b: 2}, overall: 1 %}", "table.logistic.a.yes", "above 0"),
        ("{logistic: {a: 2, b: 2}, overall: 0}", "table.overall", "between 0 and 1"),
        ("{noisy-max: {a: {yes: [1]}, b: {}}, leak: [1, 0]}", "table.noisy-max.a.yes", "row of 2"),
        ("{noisy-max: {a: {yes: [1, 1]}, b: {}}}", "table.noisy-max.a.yes", "sums to 2"),
        ("{ranked: {a: 0, b: 1}}", "table.ranked.a", "above 0"),
    ],
)
def test_what_is_refused_and_where(table: str, where: str, what: str) -> None:
    (fault,) = faults(table)
    assert fault.path.endswith(where)
    assert what in f"{fault.what} {fault.mend}"


def test_two_states_where_two_are_needed() -> None:
    (fault,) = faults("{noisy-or: {a: 1, b: 1}}", "[one, two, three]")
    assert "two states" in fault.what
