# SPDX-License-Identifier: Apache-2.0
"""Networks of a book that stand in files of other programs: the same, or refused with the place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

from perilscope import formats
from perilscope.book import Book, content_hash, from_mapping, load_text
from perilscope.book.names import NODE, STATE
from perilscope.cycle.networks import book_form
from perilscope.engines.networks.network import Network, Node
from perilscope.errors import BookError, MisuseError
from perilscope.formats import labels
from perilscope.layers.networks import network

from ..formats.networks import networks, same

HEAD = "institution: {name: X, kind: bank}\ncurrency: USD\nas_of: 2026-11-20\n"
BIF = b"""network depeg {}
variable reserves { type discrete [ 2 ] { sound, doubtful }; }
variable depeg { type discrete [ 2 ] { no, yes }; }
probability ( reserves ) { table 0.96, 0.04; }
probability ( depeg | reserves ) {
  (sound) 0.99, 0.01;
  (doubtful) 0.6, 0.4;
}
"""
WHOLE = """nodes:
      reserves: {states: [sound, doubtful], table: [0.96, 0.04], means: state now}
      depeg: {parents: [reserves], table: {sound: [99 %, 1 %], doubtful: [0.6, 0.4]}}"""


def read(text: str, files: Mapping[str, bytes]) -> Book:
    def bytes_of(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(2, "no such file", name)
        return files[name]

    return load_text(
        HEAD + text, bytes_of, tables=lambda name, data: book_form.declared(name, data).nodes
    )


def told(text: str, files: Mapping[str, bytes]) -> list[tuple[str, int, int, str]]:
    with pytest.raises(BookError) as caught:
        read(text, files)
    return [(f.file, f.line, f.column, f.what) for f in caught.value.faults]


def fit(net: Network) -> Network:
    """The same network with names that a book can hold."""
    keys = labels.stand_ins([node.name for node in net.nodes], lambda n: bool(NODE.fullmatch(n)))
    name = dict(zip((node.name for node in net.nodes), keys, strict=True))
    return Network(
        tuple(
            Node(
                name[node.name],
                labels.stand_ins(
                    node.states, lambda s: bool(STATE.fullmatch(s)) and s == s.strip()
                ),
                tuple(name[p] for p in node.parents),
                node.table,
            )
            for node in net.nodes
        )
    )


@settings(max_examples=50)
@given(networks())
def test_a_book_has_every_bit_of_the_file_it_names_and_of_the_text_that_is_written(
    net: Network,
) -> None:
    assume(all(len(node.states) > 1 for node in net.nodes))
    net = fit(net)
    for kind in ("bif", "json", "xdsl"):
        data = formats.write(net, kind).encode()
        book = read(f"networks: {{n: {{file: n.{kind}, period: 3 months}}}}", {f"n.{kind}": data})
        same(network(book.networks["n"]), net)
        assert book.networks["n"].period_years == 0.25
    text = book_form.text(net).encode()
    written = read("networks: [n.yaml]", {"n.yaml": text})
    same(network(written.networks["n"]), net)
    again = network(written.networks["n"])
    same(formats.read(formats.write(again, "bif"), "n.bif").network, net)


@settings(max_examples=50)
@given(networks())
def test_names_that_a_book_cannot_hold_have_stand_ins_in_its_text(net: Network) -> None:
    assume(all(len(node.states) > 1 for node in net.nodes))
    written = read("networks: [n.yaml]", {"n.yaml": book_form.text(net).encode()})
    found = network(written.networks["n"])
    for mine, theirs in zip(found.nodes, net.nodes, strict=True):
        assert mine.table.tolist() == theirs.table.tolist()


def test_a_network_in_the_book_or_in_a_file_of_another_program_is_the_same_book() -> None:
    extra = "nodes: {reserves: {means: state now}}"
    one = read(f"networks:\n  peg:\n    file: a.bif\n    {extra}\n", {"a.bif": BIF})
    two = read(f"networks:\n  peg:\n    {WHOLE}\n", {})
    assert content_hash(one) == content_hash(two)
    assert one.networks["peg"].file == "a.bif"
    assert one.networks["peg"].nodes["reserves"].means == "state now"


@pytest.mark.parametrize("text", ["networks: [in/depeg.bif]", "networks: {depeg: in/depeg.bif}"])
def test_a_path_alone_names_the_network_by_its_key_or_its_stem(text: str) -> None:
    book = read(text, {"in/depeg.bif": BIF})
    assert list(book.networks["depeg"].nodes) == ["reserves", "depeg"]


def test_a_network_file_of_our_own_form_may_name_one_of_another_program() -> None:
    book = read("networks: [p.yaml]", {"p.yaml": b"id: peg\nfile: a.bif\n", "a.bif": BIF})
    assert list(book.networks) == ["peg"]
    found = told("networks: [p.yaml]", {"p.yaml": b"id: peg\nfile: b.bif\n"})
    assert [each[:3] for each in found] == [("p.yaml", 2, 7)]


def faulty(entry: str, more: str = "") -> str:
    return f"networks:\n  peg: {entry}\n{more}"


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (faulty("{file: b.bif}"), ("book.yaml", 5, 15), "`b.bif` cannot be read"),
        (faulty("b.bif"), ("book.yaml", 5, 8), "`b.bif` cannot be read"),
        (faulty("{file: [a.bif]}"), ("book.yaml", 5, 15), "path of a network file is wanted"),
        (faulty("{file: a.bif, nodes: [x]}"), ("book.yaml", 5, 29), "a mapping of nodes"),
        (faulty("{file: a.bif, nodes: {peg: {}}}"), ("book.yaml", 5, 30), "has no node `peg`"),
        (faulty("{file: a.bif, nodes: {depeg: yes}}"), ("book.yaml", 5, 37), "a mapping is wanted"),
        (
            faulty("{file: a.bif, nodes: {depeg: {table: [1, 0]}}}"),
            ("book.yaml", 5, 38),
            "`table` stands in `a.bif`",
        ),
        (
            faulty("{file: a.bif, shocks: {depeg: {huge: {USDC: -1 %}}}}"),
            ("book.yaml", 5, 39),
            "no state `huge`",
        ),
        (
            faulty(
                "a.bif",
                "assets: {w: {kind: wallet}}\nscenarios: {s: {asset: w, magnitude: 1M, "
                "frequency: from peg.run}}\n",
            ),
            ("book.yaml", 7, 53),
            "`peg` has no node `run`",
        ),
    ],
)
def test_what_is_wrong_with_the_entry_is_told_at_its_place(
    text: str, place: tuple[str, int, int], what: str
) -> None:
    found = told(text, {"a.bif": BIF})
    assert [each[:3] for each in found if what in each[3]] == [place], found


@pytest.mark.parametrize(
    ("old", "new", "line"), [(b"0.99, 0.01", b"0.99, 0.1", 6), (b"(doubtful)", b"(doubted)", 7)]
)
def test_what_is_wrong_in_the_file_is_told_at_its_place_in_the_file(
    old: bytes, new: bytes, line: int
) -> None:
    found = told(faulty("{file: a.bif}"), {"a.bif": BIF.replace(old, new)})
    assert [each[:2] for each in found] == [("a.bif", line)]


@pytest.mark.parametrize(
    ("net", "what"),
    [
        (Node("x ray", ("no", "yes"), (), [0.5, 0.5]), "node 'x ray'"),
        (Node("x", ("a=b", "yes"), (), [0.5, 0.5]), "state 'a=b' of x"),
        (Node("x", ("yes",), (), [1.0]), "one state"),
    ],
)
def test_what_a_book_cannot_hold_is_refused_with_the_name(net: Node, what: str) -> None:
    data = formats.write(Network((net,)), "json").encode()
    (found,) = told(faulty("{file: a.json}"), {"a.json": data})
    assert found[0] == "a.json"
    assert what in found[3]


def test_a_table_too_large_for_a_book_is_refused() -> None:
    parents = tuple(Node(f"p{i}", ("no", "yes"), (), [0.5, 0.5]) for i in range(13))
    table = np.full((2,) * 14, 0.5)
    net = Network((*parents, Node("x", ("no", "yes"), tuple(p.name for p in parents), table)))
    (found,) = told(faulty("{file: a.bif}"), {"a.bif": formats.write(net, "bif").encode()})
    assert "the table of x has 8,192 rows; a book takes at most 4,096" in found[3]
    with pytest.raises(MisuseError, match="8,192 rows"):
        book_form.text(net)


def test_in_python_there_is_no_folder_to_read_from() -> None:
    tree: dict[str, Any] = {
        "institution": {"name": "X"},
        "currency": "USD",
        "as_of": "2026-11-20",
        "networks": {"peg": {"file": "a.bif"}},
    }
    with pytest.raises(BookError, match=r"`a\.bif` cannot be read here"):
        from_mapping(tree)


def test_a_network_that_stands_beside_the_book_is_told_from_a_part_of_it() -> None:
    from perilscope.book import load

    with pytest.raises(BookError, match="this file is a network"):
        load({"book.yaml": HEAD.encode(), "n.yaml": b"nodes: {a: {table: [1, 0]}}\n"})
