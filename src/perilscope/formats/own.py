# SPDX-License-Identifier: Apache-2.0
"""Our own form of a network: JSON, lossless to the last bit, one spelling for each network.

::

    {"perilscope": "network", "version": 1, "nodes": [
    {"name": "rain", "states": ["no", "yes"], "parents": [], "table": [0.8, 0.2]},
    {"name": "wet", "states": ["no", "yes"], "parents": ["rain"], "table": [[0.9, 0.1], [0.0, 1.0]]}
    ]}

One node a line, in the order of declaration; numbers as Python's ``repr`` writes them, which is
the shortest text that gives the same float64; everything else ASCII. Equal networks have equal
texts, so `digest` names a network. A node without a full table has ``model`` in the place of
``table`` (`perilscope.formats.models`). Unknown keys are refused, so that a later kind of node is
never taken for a table.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from perilscope.engines.networks.canonical import Canonical
from perilscope.engines.networks.network import AnyNode, Network
from perilscope.formats.draft import Declared, Draft, Place, RefusedError, listed
from perilscope.formats.json_text import flat, lines_of, parse, want, want_key, want_texts
from perilscope.formats.models import canonical, spelled

VERSION = 1
_NODE_KEYS = {"name", "states", "parents", "table", "model"}


def read(draft: Draft, text: str) -> None:
    """Take the nodes of our own form into the draft."""
    root = want(parse(text), dict, "", "an object")
    if root.get("perilscope") != "network":
        mend = 'it begins {"perilscope": "network", "version": 1, "nodes": [...]}'
        raise RefusedError(Place(), "perilscope", "this is no network of ours", mend)
    if root.get("version") != VERSION:
        what = f"version {json.dumps(root.get('version'))} is not known; {VERSION} is"
        raise RefusedError(Place(), "version", what)
    _refuse_others(root, {"perilscope", "version", "nodes"}, "")
    places = lines_of(text, "name")
    for at, node in enumerate(want_key(root, "nodes", list, "", "a list of nodes")):
        try:
            _node(draft, node, f"nodes[{at}]", places)
        except RefusedError as error:
            draft.refused(error)


def _refuse_others(found: dict[str, Any], known: set[str], path: str) -> None:
    others = sorted(set(found) - known)
    if others:
        mend = "known are " + ", ".join(sorted(known))
        raise RefusedError(Place(), path, f"unknown key {others[0]!a}", mend)


def _node(draft: Draft, value: Any, path: str, places: dict[str, Place]) -> None:
    found = want(value, dict, path, "an object")
    _refuse_others(found, _NODE_KEYS, path)
    name = want_key(found, "name", str, path, "a text")
    states = want_texts(want_key(found, "states", list, path, "a list"), f"{path}.states")
    parents = want_texts(want_key(found, "parents", list, path, "a list"), f"{path}.parents")
    place = places.get(name, Place())
    draft.node(Declared(name, states, place))
    if "model" in found:
        draft.table(canonical(found, name, parents, place, path))
        return
    table = want_key(found, "table", list, path, "a list")
    values = flat(table, len(parents) + 1, f"{path}.table")
    draft.table(listed(name, parents, place, values, lambda _at: place))


def write(net: Network) -> str:
    """The network in our own form."""
    lines = ",\n".join(_spelled(node) for node in net.nodes)
    return f'{{"perilscope": "network", "version": {VERSION}, "nodes": [\n{lines}\n]}}\n'


def _spelled(node: AnyNode) -> str:
    said = {"name": node.name, "states": list(node.states), "parents": list(node.parents)}
    if isinstance(node, Canonical):
        return json.dumps({**said, "model": spelled(node)})
    return json.dumps({**said, "table": node.table.tolist()})


def digest(net: Network) -> str:
    """A name for the network that any change of a name, an order or a bit changes.

    Returns
    -------
    str
        SHA-256 of our own form, 64 hexadecimal digits.
    """
    return hashlib.sha256(write(net).encode("ascii")).hexdigest()
