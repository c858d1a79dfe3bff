# SPDX-License-Identifier: Apache-2.0
"""XDSL, the files of GeNIe and SMILE.

Probabilities stand with the node's own states fastest, then its last parent. A deterministic node
lists its state for each combination of parents. A noisy-MAX node lists, parent by parent, one
column for each state of the parent (strongest first, the last one without effect), then the leak;
its own states run from the strongest to the absent one, and the chance that it lies at state k or
beyond is the product of those of its causes. ``strengths`` names an order of a parent's states;
where reading it as "the state in each column" or as "the column of each state" would differ, the
node is refused.

pyAgrum writes and reads XDSL with the first parent fastest. Its files say so (``app="aGrUM ..."``)
and are read as it means them, with a note.

Sources: BayesFusion, *SMILE Programmer's Manual* (XDSL; noisy-MAX: net parameters); F. J. Díez,
*Parameter adjustment in Bayes networks: the generalized noisy OR-gate*, UAI 1993.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from perilscope.engines.networks.canonical import NoisyMin
from perilscope.engines.networks.network import AnyNode, Network
from perilscope.formats import labels, markup
from perilscope.formats.draft import (
    WITHIN,
    Array,
    Declared,
    Draft,
    Place,
    RefusedError,
    Shape,
    Tabled,
    counted,
    shown,
)
from perilscope.formats.markup import Element

DEEP = 12
"""Parents of a noisy-MAX node beyond which it stays without a full table."""
_ORDER = "perilscope_order"
_UNREAD = {
    "equation": "an equation",
    "decision": "a decision",
    "utility": "a utility",
    "mau": "a utility",
    "noisyadder": "a noisy adder",
    "demorgan": "a DeMorgan node",
}


def read(draft: Draft, root: Element) -> None:
    """Take nodes and tables of an XDSL document into the draft."""
    if root.tag != "smile":
        raise RefusedError(root.place, "", f"<smile> is wanted here, found <{shown(root.tag)}>")
    reverse = any(
        genie.attributes.get("app", "").startswith("aGrUM")
        for extensions in root.all("extensions")
        for genie in extensions.all("genie")
    )
    for dynamic in root.all("dynamic"):
        what = "this network is dynamic (it has time slices); only static ones are read"
        raise RefusedError(dynamic.place, "", what, "unroll it in GeNIe first")
    nodes = _nodes(root.one("nodes"))
    swapped = 0
    for element in sorted(nodes, key=_order):  # a stable sort: the order of the file, else
        try:
            parents = tuple(word for given in element.all("parents") for word in given.text.split())
            swapped += reverse and element.tag == "cpt" and len(parents) > 1
            _node(draft, element, parents, reverse)
        except RefusedError as error:
            error.path = error.path or element.attributes.get("id", "")
            draft.refused(error)
    if swapped:
        draft.notes.append(
            "pyAgrum wrote this file, with the first parent fastest where the format says the "
            "last; the numbers were read as pyAgrum means them "
            f"({swapped} node{'s' if swapped > 1 else ''} with several parents)"
        )


def _nodes(element: Element) -> list[Element]:
    """The nodes, those within submodels included."""
    found, waiting = [], list(reversed(element.children))
    while waiting:
        child = waiting.pop()
        if child.tag == "submodel":
            waiting.extend(reversed(child.children))
        else:
            found.append(child)
    return found


def _properties(element: Element) -> dict[str, str]:
    return {child.attributes.get("id", ""): child.text.strip() for child in element.all("property")}


def _order(element: Element) -> int:
    said = _properties(element).get(_ORDER, "")
    return int(said) if said.isdecimal() and len(said) < 9 else 0


def _node(draft: Draft, element: Element, parents: tuple[str, ...], reverse: bool) -> None:
    if element.tag not in ("cpt", "deterministic", "noisymax"):
        kind = _UNREAD.get(element.tag, f"of kind <{shown(element.tag)}>")
        what = f"this node is {kind}; only discrete chance nodes are read"
        raise RefusedError(element.place, "", what)
    key = element.attribute("id")
    states = tuple(state.attribute("id") for state in element.all("state"))
    real = labels.restored(_properties(element))
    draft.node(Declared(key, states, element.place, *real))
    maker = {"cpt": _cpt, "deterministic": _deterministic, "noisymax": _noisy_max}[element.tag]
    draft.table(maker(key, states, parents, element, reverse))


def _cpt(
    key: str, _states: Sequence[str], parents: tuple[str, ...], element: Element, reverse: bool
) -> Tabled:
    source = element.one("probabilities")
    values = source.numbers()

    def numbers(shape: Shape) -> Array:
        flat = counted(values, shape, source.place, key)
        if not reverse:
            return flat
        given = range(len(shape) - 1)
        turned = flat.reshape(*reversed(shape[:-1]), shape[-1])
        return np.ascontiguousarray(turned.transpose(*reversed(given), len(given))).reshape(-1)

    def row_place(row: int, width: int) -> Place:
        return source.place if reverse else source.line(row * width)

    return Tabled(key, parents, element.place, numbers, row_place)


def _deterministic(
    key: str, states: Sequence[str], parents: tuple[str, ...], element: Element, _reverse: bool
) -> Tabled:
    source = element.one("resultingstates")
    words = source.text.split()
    at = {state: place for place, state in enumerate(states)}

    def numbers(shape: Shape) -> Array:
        rows = math.prod(shape[:-1])
        if len(words) != rows:
            what = f"{len(words):,} states stand here and {rows:,} are wanted"
            raise RefusedError(source.place, key, what)
        table = np.zeros((rows, shape[-1]))
        for row, word in enumerate(words):
            if word not in at:
                raise RefusedError(source.line(row), key, f"it has no state {shown(word)}")
            table[row, at[word]] = 1.0
        return table.reshape(-1)

    return Tabled(key, parents, element.place, numbers, lambda row, _width: source.line(row))


def _noisy_max(
    key: str, states: Sequence[str], parents: tuple[str, ...], element: Element, _reverse: bool
) -> Tabled:
    source = element.one("parameters")
    values = source.numbers()
    said = [word for strengths in element.all("strengths") for word in strengths.text.split()]

    def effects(shape: Shape) -> tuple[list[Array], Array]:
        """For each parent the law of the effect of each of its states, and what no parent does."""
        columns = (sum(shape[:-1]) + 1, shape[-1])
        causes = counted(values, columns, source.place, key).reshape(columns)
        if not (np.all(causes >= 0.0) and np.all(np.abs(causes.sum(axis=1) - 1.0) <= WITHIN)):
            raise RefusedError(source.place, key, "a column of parameters is no law")
        causes = causes / causes.sum(axis=1, keepdims=True)
        order = _orders(said, shape[:-1], source.place, key)
        found, start = [], 0
        for axis, size in enumerate(shape[:-1]):
            block = causes[start : start + size]
            if block[-1, -1] != 1.0:
                what = f"the last column of parent {parents[axis]} has an effect"
                raise RefusedError(source.place, key, what, "it is (0, ..., 0, 1)")
            found.append(block[order[axis]])
            start += size
        return found, causes[start]

    def numbers(shape: Shape) -> Array:
        laws, leak = effects(shape)
        table = np.ones(shape)
        for axis, law in enumerate(laws):
            sizes = [len(law) if at == axis else 1 for at in range(len(laws))]
            table *= _beyond(law).reshape([*sizes, shape[-1]])
        table *= _beyond(leak[None])[0]
        table[..., :-1] -= table[..., 1:]
        return np.maximum(table, 0.0).reshape(-1)

    def made(own: str, labels: tuple[str, ...], names: tuple[str, ...], sizes: Shape) -> AnyNode:
        laws, leak = effects((*sizes, len(labels)))
        return NoisyMin(own, labels, names, sizes, tuple(laws), tuple(leak.tolist()))

    untold = made if len(parents) > DEEP else None
    return Tabled(key, parents, element.place, numbers, lambda _row, _width: source.place, untold)


def _beyond(laws: Array) -> Array:
    """The chance of each state or one after it, which has less effect."""
    return np.cumsum(laws[:, ::-1], axis=1)[:, ::-1]


def _orders(said: Sequence[str], sizes: Sequence[int], place: Place, key: str) -> list[list[int]]:
    """For each parent, the column of each of its states."""
    if not said:
        return [list(range(size)) for size in sizes]
    if len(said) != sum(sizes) or not all(word.isdecimal() and len(word) < 7 for word in said):
        raise RefusedError(place, key, f"{sum(sizes)} strengths are wanted, found {len(said)}")
    orders, start = [], 0
    for size in sizes:
        order = [int(word) for word in said[start : start + size]]
        start += size
        if sorted(order) != list(range(size)):
            raise RefusedError(place, key, "the strengths of a parent are no order of its states")
        if any(order[order[state]] != state for state in range(size)):
            what = "these strengths can be read in two ways, which differ"
            raise RefusedError(place, key, what, "save the node as a table (CPT) instead")
        orders.append(order)
    return orders


def write(net: Network) -> str:
    """The network as XDSL text; parents stand before their children, as SMILE wants them."""
    names = [node.name for node in net.nodes]
    keys = dict(zip(names, labels.stand_ins(names, labels.is_identifier), strict=True))
    order = _parents_first(net)
    moved = order != list(range(len(order)))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<smile version="1.0" id="network" numsamples="10000" discsamples="10000">',
        "  <nodes>",
    ]
    for place in order:
        lines += _node_lines(net.nodes[place], keys, place if moved else None)
    lines += ["  </nodes>", "  <extensions>"]
    lines.append('    <genie version="1.0" app="Perilscope" name="network">')
    for place in order:
        name = net.nodes[place].name
        title = markup.text(name if markup.holds(name) else keys[name])
        lines.append(f'      <node id="{keys[name]}"><name>{title}</name></node>')
    return "\n".join([*lines, "    </genie>", "  </extensions>", "</smile>"]) + "\n"


def _parents_first(net: Network) -> list[int]:
    """Positions of the nodes, each after its parents, else in the order of declaration."""
    at = {node.name: place for place, node in enumerate(net.nodes)}
    done: dict[int, None] = {}
    for first in range(len(net.nodes)):
        waiting = [first]
        while waiting:
            place = waiting[-1]
            above = [at[name] for name in net.nodes[place].parents if at[name] not in done]
            if above:
                waiting.append(min(above))
            else:
                waiting.pop()
                done.setdefault(place)
    return list(done)


def _node_lines(node: AnyNode, keys: dict[str, str], place: int | None) -> list[str]:
    states = labels.stand_ins(node.states, labels.is_identifier)
    lines = [f'    <cpt id="{keys[node.name]}">']
    lines += [f'      <state id="{state}" />' for state in states]
    if node.parents:
        given = " ".join(keys[parent] for parent in node.parents)
        lines.append(f"      <parents>{given}</parents>")
    numbers = " ".join(map(repr, node.table.reshape(-1).tolist()))
    lines.append(f"      <probabilities>{numbers}</probabilities>")
    remarks = labels.remarks(node.name, keys[node.name], node.states, states)
    if place is not None:
        remarks.append((_ORDER, str(place)))
    lines += [f'      <property id="{name}">{value}</property>' for name, value in remarks]
    return [*lines, "    </cpt>"]
