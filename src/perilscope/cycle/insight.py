# SPDX-License-Identifier: Apache-2.0
"""What stands behind the figures of a run: trees, sensitivities, intervals, bounds and the band.

None of it moves a figure of the walk; all of it is by the exact engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from perilscope.beliefs.notes import warnings
from perilscope.book import Scenario
from perilscope.cycle.settings import LEVELS, Settings
from perilscope.engines.aggregate import band as bands
from perilscope.engines.aggregate import bounds as brackets
from perilscope.engines.aggregate.band import Band, Interval
from perilscope.engines.aggregate.bounds import Bounds
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.loss import LossLaw
from perilscope.errors import AssessmentError
from perilscope.layers import sensitivity, tree
from perilscope.layers.context import Context
from perilscope.layers.sensitivity import Sensitivities
from perilscope.layers.tree import Node

Pair = tuple[float, float]
Note = Callable[[str, str, str], None]
"""Called with where, what, and how it is mended."""

SEED = 0
"""Names the draws of beliefs: what the exact engine says does not move with the seed of a run."""

DRAWS, FEW_DRAWS = 1024, 128
"""Draws of the beliefs for an interval of means; few where each needs a law, under a cap."""


@dataclass(frozen=True)
class Insight:
    """What stands behind the figures of one run.

    Parameters
    ----------
    trees : mapping
        Scenario id to its FAIR tree.
    sensitivities : Sensitivities
        Of the scenarios they were asked for.
    interval : (float, float)
        90 % credible interval of the annualised loss of everything.
    intervals : mapping
        The same of each scenario alone.
    bounds : mapping
        Level to rigorous bounds of VaR and CVaR; empty where no grid reaches or none were wanted.
    own_bounds : mapping
        The same of each scenario alone whose sensitivities were asked for.
    band : Band or None
        Exceedance curve with a credible band, where it was asked for.
    """

    trees: Mapping[str, Node]
    sensitivities: Sensitivities
    interval: Pair
    intervals: Mapping[str, Pair]
    bounds: Mapping[float, Bounds]
    own_bounds: Mapping[str, Mapping[float, Bounds]]
    band: Band | None


@dataclass(frozen=True)
class Assessed:
    """What could be assessed: scenarios, each line alone with its law, and all joined."""

    scenarios: Mapping[str, Scenario]
    alone: Mapping[str, Register]
    laws: Mapping[str, LossLaw]
    register: Register
    context: Context = field(repr=False)


def insight(found: Assessed, settings: Settings, note: Note) -> Insight:
    """Look behind the figures of everything that could be assessed.

    Parameters
    ----------
    found : Assessed
    settings : Settings
        Whose sensitivities are wanted, and whether the band and the bounds.
    note : callable
        Told what had to be left out, and why.
    """
    register = found.register
    held = any(line.group and line.beliefs for line in register.lines.values())
    believed = bands.means(register, SEED, draws=FEW_DRAWS if held else DRAWS)
    trees = dict(_trees(found, believed))
    chosen = {
        key: scenario for key, scenario in found.scenarios.items() if settings.tornado in ("*", key)
    }
    swings = sensitivity.sensitivities(chosen, found.context, found.alone, register)
    for leaf in swings.skipped:
        where = f"scenarios.{leaf.scenario}.{leaf.path}"
        note(where, f"no sensitivity: {leaf.reason}", "left out of the tornado")
    return Insight(
        trees=trees,
        sensitivities=swings,
        interval=_per_year(believed[""], found.context.years),
        intervals={key: _interval(root) for key, root in trees.items()},
        bounds=dict(_bounds(register, "enterprise", note)) if settings.band else {},
        own_bounds={
            key: dict(_bounds(found.alone[key], f"scenarios.{key}", note)) for key in chosen
        },
        band=_band(register, note) if settings.band else None,
    )


def _trees(found: Assessed, believed: Mapping[str, Interval]) -> Iterator[tuple[str, Node]]:
    """The tree of each scenario; under a cap of the year it does not find its own interval."""
    for key, scenario in found.scenarios.items():
        capped = found.register.lines[key].group
        credible = _per_year(believed[key], found.context.years) if capped else None
        yield key, tree.tree(scenario, found.context, found.laws[key], credible)


def _interval(root: Node) -> Pair:
    """90 % credible interval of the annualised loss; where nothing is believed, the loss twice."""
    return (root.low, root.high) if root.varies == "belief" else (root.mean, root.mean)


def _bounds(register: Register, where: str, note: Note) -> Iterator[tuple[float, Bounds]]:
    try:
        yield from brackets.brackets(register, LEVELS).items()
    except AssessmentError as error:
        note(where, f"no rigorous bounds: {error}", "the estimate of error stands alone")


def _band(register: Register, note: Note) -> Band | None:
    try:
        return bands.band(register, seed=SEED)
    except AssessmentError as error:
        note("enterprise", f"no credible band: {error}", "left out")
        return None


def _per_year(interval: Interval, years: float) -> Pair:
    return interval.low / years, interval.high / years


def doubtful(scenarios: Mapping[str, Scenario], currency: str) -> Iterator[tuple[str, str]]:
    """Estimates whose law asks for another look: where each stands, and why."""
    for key, scenario in scenarios.items():
        for path, estimate in scenario.estimates():
            for why in warnings(estimate.value, currency):
                yield f"scenarios.{key}.{path}", why
