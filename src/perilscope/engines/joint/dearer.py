# SPDX-License-Identifier: Apache-2.0
"""Lines, and what they are held in, when tokens cost so many times what they do today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.joint.parts import Part
from perilscope.engines.laws.distributions import Constant, Scaled

Lines = Mapping[str, Compound]
Prices = Mapping[str, float]


def dearer(line: Compound, price: float) -> Compound:
    """A line all of whose losses cost ``price`` times as much."""
    if price == 1.0:
        return line
    scale = line.scale
    if isinstance(scale, Constant):
        return replace(line, scale=Constant(scale.value * price))
    return replace(line, scale=Scaled(scale, price))


def dear(component: Component, price: float) -> Component:
    """A component whose holdings cost ``price`` times as much."""
    units = tuple(replace(unit, cap=unit.cap * price) for unit in component.units)
    return replace(component, units=units)


def at_lines(part: Part, lines: Lines, prices: Prices) -> dict[str, Compound]:
    """The lines of a part when tokens cost so many times what they do today."""
    return {
        key: dearer(lines[key], prices.get(part.counted.get(key, ""), 1.0)) for key in part.keys
    }


def at_prices(part: Part, prices: Prices) -> Part:
    """The part when tokens cost so many times what they do today: holdings grow alike."""
    return grown(part, {key: prices.get(token, 1.0) for key, token in part.counted.items()})


def grown(part: Part, by: Mapping[str, float]) -> Part:
    """The part when what its lines are held in is worth so many times as much, by line."""
    if part.component is None:
        return part
    units = tuple(
        replace(unit, cap=unit.cap * by.get(unit.keys[0], 1.0)) for unit in part.component.units
    )
    return replace(part, component=replace(part.component, units=units))
