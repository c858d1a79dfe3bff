# SPDX-License-Identifier: Apache-2.0
"""The FAIR tree of one scenario as lines to be read: what stands at each node, and why.

The run document holds the tree as nested nodes; terminal and page both want it as lines from the
root down, with every figure spelled in the unit of its node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perilscope.cycle.amounts import money, number, probability
from perilscope.report import words

Node = Mapping[str, Any]

CAP = "magnitude.at_most"
"""Path of the child that bounds a loss and takes no part in the sum."""

_SIGNS = {"times": " × ", "plus": " + "}


@dataclass(frozen=True)
class Line:
    """One node of the tree.

    Parameters
    ----------
    depth : int
        0 for the root.
    lead, under : str
        Branches drawn before the name, and before what else is said of the node.
    name : str
        What Open FAIR calls it.
    mean, interval : str
        The figure and its 90 % interval; the interval is empty where nothing varies.
    varies : str
        ``belief`` or ``chance``: what the interval is about; else empty.
    declared : str
        The estimate as written; empty for what follows from the children.
    source : str
        Where the estimate comes from; empty for what follows from the children.
    notes : tuple of str
        What to know about the figure.
    """

    depth: int
    lead: str
    under: str
    name: str
    mean: str
    interval: str
    varies: str
    declared: str
    source: str
    notes: tuple[str, ...]


def lines(tree: Node, currency: str) -> list[Line]:
    """Return the nodes of a tree, parents before children.

    Examples
    --------
    >>> leaf = {"path": "frequency", "name": "Loss event frequency", "text": "1 in 2 years",
    ...         "mean": 0.5, "low": 0.5, "high": 0.5, "unit": "per year", "varies": "",
    ...         "kind": "number", "joins": "", "uncapped": None, "children": []}
    >>> root = leaf | {"path": "annual_loss", "name": "Annual loss", "text": "", "mean": 250e3,
    ...                "low": 0.0, "high": 1e6, "unit": "USD per year", "varies": "chance",
    ...                "kind": "derived", "children": [leaf]}
    >>> for line in lines(root, "USD"):
    ...     print(f"{line.lead}{line.name}: {line.mean} {line.interval}".rstrip())
    Annual loss: $250k a year $0 to $1.0M
    └ Loss event frequency: 0.5 a year
    """
    return list(_walk(tree, currency, 0, "", "")) if tree else []


def _walk(node: Node, currency: str, depth: int, lead: str, under: str) -> Iterator[Line]:
    children = node["children"]
    yield Line(
        depth=depth,
        lead=lead,
        under=under + ("│ " if children else "  "),
        name=str(node["name"]),
        mean=spelled(node["mean"], node["unit"], currency),
        interval=_interval(node, currency),
        varies=str(node["varies"]),
        declared=str(node["text"]),
        source=words.source(node) if _asked(node) else "",
        notes=tuple(node.get("notes", ())),
    )
    for child in children:
        last = child is children[-1]
        below = under + ("└ " if last else "├ "), under + ("  " if last else "│ ")
        yield from _walk(child, currency, depth + 1, *below)


def sums(tree: Node, currency: str) -> list[tuple[str, str]]:
    """Return how the figures multiply up: each node that has children, after its children."""
    if not tree:
        return []
    below = [each for child in tree["children"] for each in sums(child, currency)]
    made = _sum(tree, currency)
    return [*below, (str(tree["name"]), made)] if made else below


def spelled(value: float | None, unit: str, currency: str) -> str:
    """Return a figure in the unit of its node; one that is absent is infinite.

    Examples
    --------
    >>> spelled(0.25, "per year", "USD"), spelled(0.25, "probability", "USD")
    ('0.25 a year', '25 %')
    >>> spelled(2.5e6, "EUR", "EUR"), spelled(250e3, "USD per year", "USD")
    ('€2.5M', '$250k a year')
    >>> spelled(2 / 7, "0 to 1", "USD"), spelled(None, "USD", "USD")
    ('0.286', 'without bound')
    """
    if value is None:
        return "without bound"
    return _bare(value, unit, currency) + (" a year" if unit.endswith("per year") else "")


def _bare(value: float, unit: str, currency: str) -> str:
    if unit == "probability":
        return probability(value)
    if unit in ("per year", "0 to 1"):
        return number(float(f"{value:.3g}"))
    return money(value, currency)


def _asked(node: Node) -> bool:
    """Whether the figure is somebody's estimate, or somebody stands behind it."""
    if node["kind"] == "network":
        return bool(node["source"])
    return bool(node["kind"] != "derived" and node["path"] != CAP)


def _interval(node: Node, currency: str) -> str:
    """Both ends without the time, which stands at the mean already."""
    if not node["varies"]:
        return ""
    ends = (node["low"], node["high"])
    low, high = (
        "without bound" if end is None else _bare(end, node["unit"], currency) for end in ends
    )
    return f"{low} to {high}"


def _sum(node: Node, currency: str) -> str:
    """How the children make a node, and what a holding takes off it; empty for a leaf."""
    if not node["joins"]:
        return ""  # a leaf, or a sum that more goes into than its children
    parts = [child for child in node["children"] if child["path"] != CAP]
    caps = [child for child in node["children"] if child["path"] == CAP]
    figures = [spelled(part["mean"], part["unit"], currency) for part in parts]
    mean = spelled(node["mean"], node["unit"], currency)
    if node["joins"] == "exceeds" and len(parts) == 2:
        return f"{parts[0]['name']} exceeds {parts[1]['name'].lower()} with {mean}"
    before = node.get("uncapped")
    free = mean if before is None and not caps else spelled(before, node["unit"], currency)
    made = f"{_SIGNS.get(node['joins'], ' ').join(figures)} = {free}" if figures else free
    if caps:
        most = spelled(caps[0]["mean"], caps[0]["unit"], currency)
        return f"{made}; no event takes more than the {most} of {caps[0]['text']}: {mean}"
    if before is not None:
        return f"{made}; a holding is lost once a year at most: {mean}"
    return made if figures else ""
