# SPDX-License-Identifier: Apache-2.0
"""What is written is read again: names, orders and every bit, whatever the names are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilscope import formats
from perilscope.engines.networks.network import Network, Node
from perilscope.formats import labels

from .networks import HOSTILE, mixed, names, networks, published, same

KINDS = sorted(formats.KINDS)
PUBLISHED = (
    *("alarm", "asia", "cancer", "child", "earthquake"),
    *("hailfinder", "insurance", "sachs", "survey"),
)


@pytest.mark.parametrize("kind", KINDS)
@given(networks())
def test_any_network_survives_any_format_to_the_bit(kind: str, net: Network) -> None:
    text = formats.write(net, kind)
    again = formats.read(text, f"net.{kind}")
    same(again.network, net)
    assert again.kind == kind
    assert again.notes == ()
    assert formats.write(again.network, kind) == text
    assert formats.digest(again.network) == formats.digest(net)


@pytest.mark.parametrize("kind", KINDS)
@given(networks())
def test_bytes_and_text_read_alike_and_the_kind_shows_without_a_name(
    kind: str, net: Network
) -> None:
    data = formats.write(net, kind).encode("utf-8")
    again = formats.read(data)
    assert again.kind == kind
    same(again.network, net)


@pytest.mark.parametrize("kind", KINDS)
def test_every_hostile_name_at_once(kind: str) -> None:
    size = len(HOSTILE)
    first = Node(HOSTILE[0], HOSTILE, (), [1.0 / size] * size)
    rest = [
        Node(name, HOSTILE[::-1], (HOSTILE[place],), [[0.0] * (size - 1) + [1.0]] * size)
        for place, name in enumerate(HOSTILE[1:])
    ]
    net = Network((*rest, first))
    same(formats.read(formats.write(net, kind), f"a.{kind}").network, net)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_at_the_ends_of_float64_keep_their_bits(kind: str) -> None:
    tiny, near = 5e-324, 1.0 - 2.0**-53
    rows = [[tiny, 1.0], [-0.0, 1.0], [near, 2.0**-53], [0.1, 0.9], [1 / 3, 2 / 3]]
    up = Node("up", tuple("abcde"), (), [0.2] * 5)
    net = Network((up, Node("down", ("x", "y"), ("up",), rows)))
    same(formats.read(formats.write(net, kind), f"a.{kind}").network, net)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_survive_to_the_bit(name: str, kind: str) -> None:
    net = formats.read(published(name), f"{name}.bif").network
    again = formats.read(formats.write(net, kind), f"{name}.{kind}")
    same(again.network, net)
    assert again.notes == ()


@given(st.text(), st.lists(st.text(), max_size=4))
def test_encoded_names_are_plain_and_come_back(name: str, more: list[str]) -> None:
    spelled = labels.encoded(name)
    assert spelled.isascii()
    assert not set(spelled) & set(' \t\n"\\;,{}()|#<>&=')
    assert labels.decoded(spelled) == name
    assert labels.decoded_list(labels.encoded_list(more)) == tuple(more)


@given(st.lists(names, unique=True, max_size=12))
def test_stand_ins_are_different_identifiers_and_leave_identifiers_alone(given: list[str]) -> None:
    found = labels.stand_ins(given, labels.is_identifier, ["table"])
    assert len(set(found)) == len(given)
    for name, chosen in zip(given, found, strict=True):
        assert labels.is_identifier(chosen)
        assert chosen != "table"
        assert chosen == name or name == "table" or not labels.is_identifier(name)


def test_many_names_alike_get_their_stand_ins_quickly() -> None:
    given = ["!" * size for size in range(1, 5000)]
    assert len(set(labels.stand_ins(given, labels.is_identifier))) == len(given)


@given(networks())
def test_the_digest_tells_any_other_order_or_name(net: Network) -> None:
    node = net.nodes[0]
    if len(net.nodes) > 1:
        assert formats.digest(Network(net.nodes[::-1])) != formats.digest(net)
    renamed = Node(node.name, tuple(f"{state}'" for state in node.states), node.parents, node.table)
    assert formats.digest(Network((renamed, *net.nodes[1:]))) != formats.digest(net)


def test_our_own_form_is_one_spelling_for_good() -> None:
    # written out by hand: a change here would make every digest on record stale
    rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    wet = Node("wet", ("no", "ja\u00df"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    assert formats.write(Network((rain, wet)), "json") == (
        '{"perilscope": "network", "version": 1, "nodes": [\n'
        '{"name": "rain", "states": ["no", "yes"], "parents": [], "table": [0.8, 0.2]},\n'
        '{"name": "wet", "states": ["no", "ja\\u00df"], "parents": ["rain"], '
        '"table": [[0.9, 0.1], [0.0, 1.0]]}\n'
        "]}\n"
    )


def test_plain_names_are_written_as_they_are() -> None:
    net = formats.read(formats.write(mixed(), "json")).network
    for kind in sorted(set(KINDS) - {"uai"}):
        assert "child" in formats.write(net, kind)
    assert labels.NAME not in formats.write(Network(net.nodes[1:3]), "bif")
