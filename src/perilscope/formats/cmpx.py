# SPDX-License-Identifier: Apache-2.0
"""CMPX, the JSON files of agena.ai, as far as they are discrete tables.

``probabilities`` lists one row for each state of the node and one column for each combination of
its parents' states, the last parent fastest; the parents are in the order of ``links``. Nodes that
are simulated, continuous, or given by expressions are refused by name, and so are files with
several networks. Observations and results in the file are not read.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from perilscope.engines.networks.network import AnyNode, Network
from perilscope.formats.draft import (
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
from perilscope.formats.json_text import flat, lines_of, parse, want, want_key, want_texts

_READ = ("Boolean", "Labelled", "Ranked", "DiscreteReal")
_NO = Place()


def read(draft: Draft, text: str) -> None:
    """Take nodes and tables of a CMPX text into the draft."""
    root = want(parse(text), dict, "", "an object")
    model = want_key(root, "model", dict, "", "an object")
    networks = want_key(model, "networks", list, "model", "a list of networks")
    if len(networks) != 1:
        what = f"one network is wanted, found {len(networks)}"
        raise RefusedError(_NO, "model.networks", what, "save each network in a file of its own")
    network = want(networks[0], dict, "model.networks[0]", "an object")
    parents = _parents(network)
    nodes = want_key(network, "nodes", list, "model.networks[0]", "a list of nodes")
    places = lines_of(text, "id")
    for at, node in enumerate(nodes):
        try:
            _node(draft, node, parents, places, f"nodes[{at}]")
        except RefusedError as error:
            draft.refused(error)
    if any(data.get("observations") for data in model.get("dataSets") or () if _is_object(data)):
        draft.notes.append("observations in the file were not read; give them as evidence")


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _parents(network: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The parents of each node in the order of the links."""
    found: dict[str, tuple[str, ...]] = {}
    links = want(network.get("links") or [], list, "links", "a list of links")
    for at, link in enumerate(links):
        path = f"links[{at}]"
        link = want(link, dict, path, "an object")
        child = want_key(link, "child", str, path, "a text")
        parent = want_key(link, "parent", str, path, "a text")
        found[child] = (*found.get(child, ()), parent)
    return found


def _node(
    draft: Draft,
    value: Any,
    parents: dict[str, tuple[str, ...]],
    places: dict[str, Place],
    path: str,
) -> None:
    node = want(value, dict, path, "an object")
    key = want_key(node, "id", str, path, "a text")
    place = places.get(key, _NO)
    setting = want_key(node, "configuration", dict, key, "an object")
    kind = setting.get("type", "Boolean")
    if setting.get("simulated") or kind not in _READ:
        what = f"this node is simulated or of type {shown(str(kind))}"
        raise RefusedError(place, key, what, f"read are tables of {', '.join(_READ)}")
    table = want_key(setting, "table", dict, key, "an object")
    if table.get("type") != "Manual":
        what = f"the table is of type {shown(str(table.get('type')))}, given by expressions"
        raise RefusedError(place, key, what, "a table of numbers is wanted (type Manual)")
    states = want_texts(want_key(setting, "states", list, key, "a list"), f"{key}.states")
    draft.node(Declared(key, states, place))
    values = flat(want_key(table, "probabilities", list, key, "a list"), 2, f"{key}.probabilities")

    def numbers(shape: Shape) -> Array:
        columns = math.prod(shape[:-1])
        flat = counted(values, shape, place, key).reshape(shape[-1], columns)
        return np.ascontiguousarray(flat.T).reshape(-1)

    draft.table(Tabled(key, parents.get(key, ()), place, numbers, lambda _row, _width: place))


def write(net: Network) -> str:
    """The network as CMPX text."""
    links = [
        {"parent": parent, "child": node.name} for node in net.nodes for parent in node.parents
    ]
    network = {
        "id": "network",
        "name": "network",
        "nodes": [_said(node) for node in net.nodes],
        "links": links,
    }
    case = {"id": "Case 1", "active": True, "observations": [], "results": []}
    return json.dumps({"model": {"networks": [network], "links": [], "dataSets": [case]}}) + "\n"


def _said(node: AnyNode) -> dict[str, Any]:
    columns = node.table.reshape(-1, len(node.states)).T.tolist()
    return {
        "id": node.name,
        "name": node.name,
        "configuration": {
            "type": "Labelled",
            "states": list(node.states),
            "table": {"type": "Manual", "probabilities": columns},
        },
    }
