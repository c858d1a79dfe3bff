# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken files: a network or a clear refusal, quickly and in little memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope import formats
from perilscope.engines.networks.canonical import NoisyMax
from perilscope.errors import DataError, PerilscopeError

from .networks import mixed

GOOD = {kind: formats.write(mixed(), kind).encode("utf-8") for kind in formats.KINDS}
GROWTH = "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
BOMB = f'<!DOCTYPE z [<!ENTITY a "ha">{GROWTH}]><BIF><NETWORK>&j;</NETWORK></BIF>'


def refused(data: str | bytes, name: str, seconds: float = 3.0, mebibytes: float = 0.0) -> str:
    """The message of the refusal, which comes quickly and, where asked, takes little memory."""
    start = time.process_time()  # of this process: the machine may be busy
    with pytest.raises(DataError) as caught:
        formats.read(data, name)
    assert time.process_time() - start < seconds
    if mebibytes:
        tracemalloc.start()
        try:
            with pytest.raises(DataError):
                formats.read(data, name)
            assert tracemalloc.get_traced_memory()[1] < mebibytes * (1 << 20)
        finally:
            tracemalloc.stop()
    return str(caught.value)


def crowd(size: int, states: int) -> str:
    """A BIF text of many nodes of which the last has all others as parents."""
    listed = " ".join(f"s{at}" for at in range(states))
    names = [f"n{at}" for at in range(size)]
    text = "".join(f"variable {n} {{ type discrete [{states}] {{ {listed} }}; }}\n" for n in names)
    law = " ".join(["1"] + ["0"] * (states - 1))
    text += "".join(f"probability ( {n} ) {{ table {law}; }}\n" for n in names[:-1])
    return text + f"probability ( {names[-1]} | {' '.join(names[:-1])} ) {{ default {law}; }}"


@pytest.mark.parametrize(("parents", "states"), [(29, 2), (24, 2), (8, 10), (63, 50)])
def test_a_billion_cells_are_refused_before_they_are_allocated(parents: int, states: int) -> None:
    told = refused(crowd(parents + 1, states), "a.bif", mebibytes=16)
    assert "at most 16,777,216 are taken" in told
    assert f"n{parents}" in told


def test_more_parents_than_an_array_has_axes() -> None:
    assert formats.read(crowd(64, 1), "a.bif").network.node("n63").table.shape == (1,) * 64
    assert "64 parents stand here; at most 63" in refused(crowd(65, 1), "a.bif")
    assert "at most 63" in refused(crowd(6000, 10), "a.bif", 6)


def test_a_shape_too_large_to_be_printed_in_full() -> None:
    assert "about 10^63 cells" in refused(crowd(63, 10), "a.bif")


def test_a_default_row_within_the_bound_fills_the_table() -> None:
    net = formats.read(crowd(11, 2), "a.bif").network
    assert net.node("n10").table.shape == (2,) * 11


def test_many_tables_that_are_large_together_are_refused() -> None:
    one = crowd(21, 2)
    head, last = one.rsplit("probability", 1)
    more = "".join(
        f"variable m{at} {{ type discrete [2] {{ s0, s1 }}; }}\nprobability"
        + last.replace("( n20 ", f"( m{at} ")
        for at in range(12)
    )
    assert "with those before it" in refused(head + "probability" + last + more, "a.bif", 5)


def thirty_parents(child: str) -> str:
    nodes = "".join(
        f'<cpt id="n{at}"><state id="x"/><state id="y"/><probabilities>1 0</probabilities></cpt>'
        for at in range(30)
    )
    given = " ".join(f"n{at}" for at in range(30))
    return f'<smile id="n"><nodes>{nodes}{child.format(given=given)}</nodes></smile>'


def test_deterministic_nodes_cannot_grow_either() -> None:
    child = (
        '<deterministic id="c"><state id="x"/><parents>{given}</parents>'
        "<resultingstates>x</resultingstates></deterministic>"
    )
    assert "cells" in refused(thirty_parents(child), "a.xdsl")


def test_a_noisy_max_of_thirty_parents_needs_no_table() -> None:
    columns = " ".join(["0.5 0.5 0 1"] * 30 + ["0 1"])
    child = (
        '<noisymax id="c"><state id="x"/><state id="y"/><parents>{given}</parents>'
        f"<parameters>{columns}</parameters></noisymax>"
    )
    tracemalloc.start()
    net = formats.read(thirty_parents(child), "a.xdsl").network
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(net.node("c"), NoisyMax)
    assert peak < 8 * 2**20


@pytest.mark.parametrize("name", ["a.xmlbif", "a.xdsl", "a.bif", ""])
def test_entities_are_refused_where_they_are_declared(name: str) -> None:
    assert "entity" in refused(BOMB, name)


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><BIF><NETWORK>&x;</NETWORK></BIF>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://x.invalid/x">%x;]><BIF/>',
        '<!DOCTYPE a SYSTEM "http://x.invalid/x"><BIF><NETWORK>&x;</NETWORK></BIF>',
        "<BIF><NETWORK>&x;</NETWORK></BIF>",
        "<BIF><NETWORK>" * 3000,
        "<a>" * 300_000,
        "<BIF><NETWORK></BIF>",
        "<BIF",
        "<BIF><NETWORK>\x00</NETWORK></BIF>",
        "<BIF><NETWORK>\ud800</NETWORK></BIF>",
        '<?xml version="1.0" encoding="klingon"?><BIF/>',
        '<?xml version="1.0" encoding="utf-7"?><BIF/>',
    ],
)
def test_xml_that_is_refused(text: str) -> None:
    refused(text, "a.xmlbif")
    refused(text.encode("utf-8", "surrogatepass"), "a.xmlbif")


def test_more_elements_than_are_kept() -> None:
    assert "elements" in refused("<BIF><NETWORK>" + "<A/>" * 300_000, "a.xmlbif", 3, 100)


def test_attributes_made_up_by_a_declaration_are_not_taken() -> None:
    # a megabyte of default value for each of many elements would be gigabytes
    text = f'<!DOCTYPE BIF [<!ATTLIST A b CDATA "{"x" * 1_000_000}">]><BIF><NETWORK>'
    refused(text + "<A/>" * 10_000 + "</NETWORK></BIF>", "a.xmlbif", 5, 64)


@pytest.mark.parametrize("opened", ["[", '{"a":', "[["])
def test_json_nested_deep(opened: str) -> None:
    head = '{"perilscope": "network", "version": 1, "nodes": '
    for depth in (1_000, 100_000, 1_900_000):
        refused(head + opened * depth, "a.json")


def test_hugin_nested_deep() -> None:
    text = 'net {} node a { states = ("x"); } potential (a) { data = ' + "(" * 100_000
    refused(text, "a.net", mebibytes=16)


@pytest.mark.parametrize("name", ["a.bif", "a.net", "a.uai", "a.json", "a.cmpx"])
def test_text_that_is_no_text(name: str) -> None:
    assert "null character" in refused(b"network\n x\x00y {}", name)
    assert "2:3" in refused(b"network\n x\x00y {}", name)
    assert "UTF-16" in refused("network x {}".encode("utf-16"), name)
    assert "0xff" in refused(b"network {\n\xff}", name)
    assert "2:1" in refused(b"network {\n\xff}", name)


def test_too_large_a_file_is_refused_unread() -> None:
    assert "at most 32 are read" in refused(b" " * ((32 << 20) + 1), "a.bif", 1)


@pytest.mark.parametrize(
    "text",
    [
        "variable a { type discrete [1] { x }; }" * 50_000,
        "".join(f"variable v{at}{{type discrete[1]{{x}};}}" for at in range(30_000)),
        "variable a { type discrete [1] { " + "x " * 1_200_000 + "}; }",
        "variable a { type discrete [1e300] { x }; }",
        "/*" * 300_000,
        '"' * 1_000_001,
        "{" * 300_000,
        "network n { property " + "x " * 300_000,
        "probability ( a | " + "b, " * 200_000 + " ) { }",
        "variable \x1b[31m { type discrete [1] { \x1b[2J, \x1b[2J }; }",
    ],
)
def test_bif_that_would_take_long(text: str) -> None:
    told = refused(text, "a.bif", 10)
    assert len(told) < 60_000
    assert "\x1b" not in told


def test_long_chains_in_any_order_are_no_recursion() -> None:
    size = 3000
    lines = [f"variable v{at} {{ type discrete [1] {{ x }}; }}" for at in range(size)]
    lines += [f"probability ( v{at} | v{at + 1} ) {{ (x) 1; }}" for at in range(size - 1)]
    net = formats.read("\n".join([*lines, f"probability (v{size - 1}) {{ table 1; }}"]), "a.bif")
    assert len(net.network.nodes) == size
    for kind in formats.KINDS:
        assert (
            len(formats.read(formats.write(net.network, kind), f"a.{kind}").network.nodes) == size
        )
    ring = "\n".join([*lines, f"probability ( v{size - 1} | v0 ) {{ (x) 1; }}"])
    assert "cycle" in refused(ring, "a.bif")


@pytest.mark.parametrize("kind", sorted(GOOD))
@settings(max_examples=150)
@given(st.data())
def test_any_broken_file_gives_a_network_or_a_refusal(kind: str, data: st.DataObject) -> None:
    text = bytearray(GOOD[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        change = data.draw(st.sampled_from(["byte", "cut", "double", "drop", "sign"]))
        if change == "byte":
            text[at] = data.draw(st.integers(0, 255))
        elif change == "sign":
            text[at] = data.draw(st.sampled_from(list(b'{}()[]<>;,|"\\/%&#= 0\n')))
        elif change == "cut":
            del text[at + 1 :]
        elif change == "drop":
            del text[at : at + data.draw(st.integers(1, 40))]
            text = text or bytearray(b" ")
        else:
            text[at:at] = text[at : at + data.draw(st.integers(1, 200))]
    start = time.process_time()  # of this process: the machine may be busy
    try:
        found = formats.read(bytes(text), data.draw(st.sampled_from([f"a.{kind}", ""])))
    except PerilscopeError:
        pass
    else:
        for node in found.network.nodes:
            assert abs(node.table.sum(axis=-1) - 1.0).max() <= 1e-9
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_file_cut_anywhere_is_refused_or_whole(kind: str) -> None:
    # the names of a UAI file stand after its last number and may be cut away
    text = GOOD[kind]
    whole = formats.digest(mixed())
    for at in range(0, len(text), 7):
        try:
            found = formats.read(text[:at], f"a.{kind}")
        except PerilscopeError:
            continue
        assert kind == "uai" or formats.digest(found.network) == whole


@given(st.binary(max_size=200), st.sampled_from(["", *(f"a.{kind}" for kind in formats.KINDS)]))
def test_any_bytes(data: bytes, name: str) -> None:
    with pytest.raises(PerilscopeError):
        formats.read(data, name)
