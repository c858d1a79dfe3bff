# SPDX-License-Identifier: Apache-2.0
"""A network drawn as SVG: its nodes as boxes with the probability of every state.

Drawn in layers from left to right; what the network drives in the risk book stands at the right.
No fonts are measured: boxes have a fixed width and long names are shortened to fit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

from perilscope.cycle import amounts
from perilscope.report import palette
from perilscope.report.layered import arrange, places
from perilscope.report.names import cleaned, shortened

_WIDE = 210
_BETWEEN = 64
_ROW = 19
_HEAD = 28
_FOOT = 7
_GAP = 26
_MARGIN = 6
_MOST_STATES = 6


@dataclass(frozen=True)
class Box:
    """One box: its title, its rows of (state, probability), whether it is given or an effect."""

    title: str
    rows: tuple[tuple[str, float], ...]
    given: str = ""
    effect: bool = False

    @property
    def height(self) -> float:
        """Height of the box."""
        return _HEAD + _FOOT + _ROW * len(self.rows) if self.rows else _HEAD + 4


def draw(
    marginals: Mapping[str, Mapping[str, float]], detail: Mapping[str, Any] | None = None
) -> str:
    """Return one network as an SVG element.

    Parameters
    ----------
    marginals : mapping
        Node to state to probability.
    detail : mapping or None
        Parents of the nodes, what is driven and the evidence, as in ``network_details``.

    Returns
    -------
    str
        ``<svg ...>...</svg>``; every name is escaped and shortened to its box.
    """
    boxes, parents = _boxes(cleaned(marginals), cleaned(detail or {}))
    layers = arrange(parents)
    sizes = {name: box.height for name, box in boxes.items()}
    across = places(layers, sizes, _GAP)
    level = {name: depth for depth, row in enumerate(layers.rows) for name in row}
    spots = {
        name: (_MARGIN + depth * (_WIDE + _BETWEEN), across[name]) for name, depth in level.items()
    }
    width = _MARGIN * 2 + len(layers.rows) * (_WIDE + _BETWEEN) - _BETWEEN
    height = _MARGIN * 2 + max(
        (across[name] + sizes.get(name, 0) / 2 for name in across), default=0
    )
    parts = [_arrow(way, spots, boxes) for way in layers.ways.values()]
    parts += [_box(box, *spots[name]) for name, box in boxes.items()]
    body = "".join(parts)
    face = escape(palette.FACES)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" font-family="{face}" font-size="11">{body}</svg>'
    )


def _boxes(
    marginals: Mapping[str, Mapping[str, float]], detail: Mapping[str, Any]
) -> tuple[dict[str, Box], dict[str, list[str]]]:
    """Boxes and their parents: nodes in declared order, then what they drive."""
    declared = {node["id"]: node for node in detail.get("nodes", [])}
    given = {name.rpartition(".")[2]: state for name, state in detail.get("evidence", {}).items()}
    boxes: dict[str, Box] = {}
    parents: dict[str, list[str]] = {}
    for name in (*(each for each in declared if each in marginals), *marginals):
        if name in boxes:
            continue
        node = declared.get(name, {})
        order = [each for each in node.get("states", []) if each in marginals[name]]
        states = {each: marginals[name][each] for each in (*order, *marginals[name])}
        known = given.get(name) or node.get("observed") or ""
        # Of a node whose state is known, the other states say nothing.
        rows = ((known, states[known]),) if known in states else tuple(states.items())
        if len(rows) > _MOST_STATES:
            rest = sum(chance for _, chance in rows[_MOST_STATES - 1 :])
            rows = (*rows[: _MOST_STATES - 1], (f"{len(rows) - _MOST_STATES + 1} others", rest))
        boxes[name] = Box(name, rows, known)
        parents[name] = list(node.get("parents", []))
    for drive in detail.get("drives", []):
        # A scenario and a node may share a name: the colon cannot stand in an id.
        key = f"drives:{drive['scenario']}"
        boxes[key] = Box(drive["scenario"], (), effect=True)
        parents.setdefault(key, []).append(drive["node"])
    return boxes, parents


def _arrow(
    way: Sequence[str], spots: Mapping[str, tuple[float, float]], boxes: Mapping[str, Box]
) -> str:
    """One arrow as a smooth line through its stand-ins, ending in a head."""
    points: list[tuple[float, float]] = []
    for number, name in enumerate(way):
        x, y = spots[name]
        y += _MARGIN
        if number:
            points.append((x - (6 if name == way[-1] else 0), y))
        if number < len(way) - 1:
            points.append((x + _WIDE, y))
    path = f"M{_n(points[0][0])},{_n(points[0][1])}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        path += f"C{_n(middle)},{_n(y0)} {_n(middle)},{_n(y1)} {_n(x1)},{_n(y1)}"
    x, y = points[-1]
    head = f"M{_n(x - 2)},{_n(y - 4)}l8,4l-8,4z"
    dash = ' stroke-dasharray="4 3"' if boxes[way[-1]].effect else ""
    colour = palette.QUIET
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.2"{dash}/>'
        f'<path d="{head}" fill="{colour}"/>'
    )


def _box(box: Box, x: float, middle: float) -> str:
    y = middle - box.height / 2 + _MARGIN
    edge = palette.GIVEN if box.given else palette.LINE
    fill = palette.PANEL if box.effect else palette.PAPER
    radius = box.height / 2 if box.effect else 5
    title = ("drives " if box.effect else "") + box.title
    thick = 2 if box.given else 1.2
    parts = [
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_WIDE}" height="{_n(box.height)}" '
        f'rx="{_n(radius)}" fill="{fill}" stroke="{edge}" stroke-width="{thick}"/>',
        _text(x + (14 if box.effect else 10), y + 19, shortened(title, 28), bold=not box.effect),
    ]
    if box.given:
        parts.append(_text(x + _WIDE - 9, y + 19, "given", colour=palette.GIVEN, end=True))
    for number, (state, chance) in enumerate(box.rows):
        parts.append(_state(x, y + _HEAD + _ROW * number, state, chance, given=state == box.given))
    return "".join(parts)


def _state(x: float, y: float, state: str, chance: float, *, given: bool) -> str:
    """One state: its name, a bar, its probability."""
    full = 54
    colour = palette.GIVEN if given else palette.AVERAGE
    long = max(0.0, min(1.0, chance)) * full
    track = (
        f'<rect x="{_n(x + 90)}" y="{_n(y + 3)}" width="{full}" height="9" fill="{palette.LINE}"/>'
    )
    bar = f'<rect x="{_n(x + 90)}" y="{_n(y + 3)}" width="{_n(long)}" height="9" fill="{colour}"/>'
    name = _text(x + 10, y + 12, shortened(state, 13), colour=palette.QUIET)
    return name + track + bar + _text(x + _WIDE - 8, y + 12, amounts.probability(chance), end=True)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    bold: bool = False,
    colour: str = palette.INK,
    end: bool = False,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" fill="{colour}"{weight}{anchor}>{escape(text)}</text>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
