# SPDX-License-Identifier: Apache-2.0
"""Estimates and what hangs on them, as the run document says it: trees and tornados."""

from __future__ import annotations

from perilscope.cycle.amounts import frequency, money, probability
from perilscope.cycle.measures import Document, finite
from perilscope.layers import tree as fair
from perilscope.layers.sensitivity import Swing
from perilscope.layers.tree import Node

MOVED = {"belief": "5 to 95 % of the belief", "scale": "-10 to +10 %"}
"""How far a leaf is moved, in words."""


def tree(node: Node) -> Document:
    """One node of the FAIR tree with everything below it."""
    return {
        "path": node.path,
        "name": node.name,
        "text": node.text,
        "mean": finite(node.mean),
        "low": finite(node.low),
        "high": finite(node.high),
        "kind": node.kind,
        "varies": node.varies,
        "unit": node.unit,
        "joins": node.joins,
        "uncapped": None if node.uncapped is None else finite(node.uncapped),
        "notes": list(node.notes),
        "source": node.source,
        "by": node.by,
        "on": node.on.isoformat() if node.on else "",
        "grade": node.grade,
        "children": [tree(child) for child in node.children],
    }


def swing(found: Swing, currency: str) -> Document:
    """What one leaf does to the figures of its own scenario."""
    return {
        **_moved(found, currency),
        "ale": list(found.ale),
        "cvar99": list(found.cvar),
        "elasticity": found.elasticity,
    }


def total_swing(found: Swing, currency: str) -> Document:
    """What one leaf does to the figures of everything."""
    return {
        "scenario": found.scenario,
        **_moved(found, currency),
        "ale": list(found.total_ale),
        "cvar99": list(found.total_cvar),
        "elasticity": found.total_elasticity,
    }


def _moved(found: Swing, currency: str) -> Document:
    return {
        "path": found.path,
        "name": fair.fair_name(found.path),
        "swing": MOVED[found.of],
        "values": [spelled(value, found.dimension, currency) for value in found.values],
    }


def spelled(value: float, dimension: str, currency: str) -> str:
    """A value of a leaf as people write it.

    Examples
    --------
    >>> spelled(0.0362, "rate", "USD"), spelled(0.05, "probability", "USD")
    ('1 in 28 y', '5 %')
    >>> spelled(450_000.0, "money", "USD")
    '$450k'
    """
    if dimension == "rate":
        return frequency(value)
    return probability(value) if dimension == "probability" else money(value, currency)
