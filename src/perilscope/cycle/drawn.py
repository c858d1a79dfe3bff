# SPDX-License-Identifier: Apache-2.0
"""The other engine: losses drawn by themselves and together with the market, beside the exact ones.

Horizons of everything are drawn in each joint state of the networks and kept, so that other
evidence weighs them anew (`perilscope.engines.joint.drawn`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.beliefs.law import point
from perilscope.book import Book
from perilscope.cycle.settings import LEVELS, Settings
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.cores import cores
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.grids.mixture import Blend
from perilscope.engines.joint.drawn import Drawn, draw, gaps
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.laws import quadrature
from perilscope.engines.machine_code import installed
from perilscope.engines.simulation.backends import MANY
from perilscope.engines.simulation.draws import Draws, Simulated
from perilscope.engines.simulation.simulation import MOST_KEPT, simulate
from perilscope.engines.simulation.stratified import Weighted
from perilscope.engines.simulation.vectorised import BLOCK
from perilscope.errors import AssessmentError
from perilscope.layers.enterprise import Joined
from perilscope.layers.joining import Whole
from perilscope.sources.machine import code_folder, filled_folder
from perilscope.treatment.control import World
from perilscope.treatment.cover import Net, net_drawn

Document = dict[str, Any]
Note = Callable[[str, str, str], None]
"""Told (weight, where, what) a reader must know."""

MOST_EVENTS = 4e9
"""Loss events that one run simulates at most, compiled; the number of horizons gives way."""
FEWEST_DRAWS = 1_000
BY_LAWS = 13
"""How many of them take the time of one that is not compiled."""
TOGETHER = 4
"""Of so many horizons of losses alone, one is drawn of everything together: they are kept."""
MOST_TOGETHER = 1 << 22
FAR = 5.0
"""Standard errors by which both ways do not differ by chance: once in some 100,000 runs."""


MOST_NET = 1 << 18
"""Horizons that are drawn net of covers, at most."""


@dataclass(frozen=True)
class Horizons:
    """Horizons of everything, weighed as the networks are now.

    Parameters
    ----------
    drawn : Drawn
    known : Weighted
    figures : mapping
        As `figures` makes them.
    thin : str
        Why a usual level has no figure; empty where all have one.
    """

    drawn: Drawn
    known: Weighted
    figures: Document
    thin: str

    @property
    def disagrees(self) -> str:
        """That the exact law is too far off to be chance; empty where it is not."""
        gap = self.figures["gap"]
        if gap is None or abs(gap) <= FAR:
            return ""
        return (
            f"the exact law of everything and {self.figures['years']:,} simulated horizons differ "
            f"by {abs(gap):.1f} standard errors, which is not chance: take neither for right"
        )


def affordable(lines: Sequence[Compound], years: int) -> tuple[int, str]:
    """How many horizons can be simulated, and why not more."""
    events = {line.key: loss_events(line)[0] * line.years for line in lines}
    slow = {line.key: 1 if installed() and not line.beliefs else BY_LAWS for line in lines}
    work = math.fsum(number * slow[key] for key, number in events.items())
    # horizons are drawn in whole blocks
    most = int(MOST_EVENTS / max(work * BLOCK, 1e-9)) * BLOCK
    return min(years, most), f"each has {math.fsum(events.values()):,.0f} loss events on average"


def loss_events(line: Compound) -> tuple[float, float]:
    """Loss events per year, and the mean loss of one of them (before caps on shared holdings)."""
    events, cost = 0.0, 0.0
    for weight, theta in quadrature.nodes(line.beliefs):
        counts, loss = line.build(theta, line.years)
        some = float(counts.mean) * (1.0 - float(loss.cdf(0.0)))
        events += weight * some
        cost += weight * float(counts.mean) * float(loss.mean)
    return events / line.years, (cost / events if events > 0.0 else 0.0)


def losses(
    joined: Joined,
    parts: Mapping[str, Sequence[str]],
    settings: Settings,
    note: Note,
    told: Callable[[int, int], None],
) -> Simulated | None:
    """Losses of all lines, without the market; None where the exact engine alone is asked.

    Parameters
    ----------
    joined : Joined
    parts : mapping of str to sequence of str
        Lines whose sum is asked for where simulation alone tells the figures; so are contributions.
    settings : Settings
    note : callable
    told : callable
        Told (horizons done, of how many).
    """
    if settings.engine == "exact":
        return None
    lines, told_by_it = list(joined.lines.values()), settings.engine == "simulation"
    draws, why = affordable(lines, settings.years)
    if draws < FEWEST_DRAWS:
        note("warning", "simulation", f"no horizons are simulated: {why}")
        return None
    if draws < settings.years:
        asked = f"{settings.years:,} horizons are simulated"
        note("note", "simulation", f"{draws:,} instead of {asked}: {why}")
    return simulate(
        lines,
        joined.mixtures,
        joined.caps,
        draws=draws,
        seed=settings.seed,
        workers=_workers(),
        backend=_backend(lines, draws),
        progress=lambda done: told(done, draws),
        parts=parts if told_by_it else {},
        shares=told_by_it,
        cache=filled_folder if draws > MOST_KEPT else code_folder,
    )


def together(whole: Whole, settings: Settings) -> Horizons | None:
    """Horizons of market, operational and protocol losses; None where there cannot be any."""
    if settings.engine == "exact":
        return None
    lines = list(whole.joint.register.lines.values())
    years, _ = affordable(lines, settings.years)
    number = min(years // TOGETHER, MOST_TOGETHER)
    if number < FEWEST_DRAWS:
        return None
    seed, workers, backend = settings.seed, _workers(), _backend(lines, years)
    drawn = draw(whole.joint, number, seed, workers=workers, backend=backend, cache=code_folder)
    known = drawn.weighed(whole.joint.weights)
    return Horizons(drawn, known, figures(known, whole.law), thin(known))


def net_of_covers(
    book: Book, net: Net | None, world: World, settings: Settings
) -> Simulated | None:
    """Losses net of the covers in place; None where there are none, or it cannot be drawn.

    Those of the net law itself where only simulation tells it.
    """
    if net is not None and isinstance(net.law, Draws):
        return net.law
    if settings.engine == "exact" or net is None:
        return None
    most = min(settings.years, MOST_NET)
    lines = list(world.joined.lines.values())
    number = min(affordable(lines, BY_LAWS * most)[0] // BY_LAWS, most)
    if number < FEWEST_DRAWS:
        return None
    held = [book.covers[name] for name in net.ids]
    try:
        return net_drawn(held, world, point(book.discount_rate), number)
    except AssessmentError:  # too many events of one holding
        return None


def net_gap(law: LossLaw | Blend, drawn: Simulated) -> float:
    """Largest difference of the two engines, as `gap`, of losses net of covers."""
    parts = [own for _, own in law.parts] if isinstance(law, Blend) else [law]
    error, n = drawn.standard_error_of_mean, drawn.count
    found = [(drawn.mean - law.mean) / error] if error > 0.0 else []
    for level in LEVELS[:3]:
        v = law.var(level)
        threshold = v + max(1e-9 * v if x.grid.lattice else 2.0 * x.step_at(v) for x in parts)
        p = law.exceed(threshold)
        if 0.0 < p < 1.0:
            hits = int(drawn.exceed_counts(threshold))
            found.append((hits - n * p) / math.sqrt(n * p * (1.0 - p)))
    return max(found, key=abs, default=0.0)


def _backend(lines: Sequence[Compound], draws: int) -> str:
    """The backend of losses alone and of everything: compiled where its loading pays."""
    events = math.fsum(loss_events(line)[0] * line.years for line in lines)
    return "numba" if installed() and events * draws >= MANY else "numpy"


def _workers() -> int:
    """Threads; one core is left to the exact engine."""
    return min(max(cores() - 1, 1), 8)


def gap(law: LossLaw, drawn: Simulated) -> float:
    """Largest difference of the two engines in standard errors: the mean, and how often the exact
    VaR is exceeded (a binomial count).
    """
    n = drawn.count
    found = []
    if law.sd > 0.0 and math.isfinite(law.sd):
        found.append((drawn.mean - law.mean) / (law.sd / math.sqrt(n)))
    for level in LEVELS[:3]:
        v = law.var(level)
        # past what the grid makes of an atom at VaR, which it spreads over the points beside it
        threshold = v * (1.0 + 1e-9) if law.grid.lattice else v + 2.0 * law.step_at(v)
        p = law.exceed(threshold)
        if 0.0 < p < 1.0:
            hits = int(drawn.exceed_counts(threshold))
            found.append((hits - n * p) / math.sqrt(n * p * (1.0 - p)))
    return max(found, key=abs, default=0.0)


def gap_of_mean(mean: float, drawn: Simulated) -> float:
    """Difference of means in standard errors of the simulated one."""
    error = drawn.standard_error_of_mean
    return (drawn.mean - mean) / error if error > 0.0 else 0.0


def cvar_error(drawn: Simulated, law: LossLaw, level: float) -> float:
    """Standard error of simulated CVaR: that of the draws, or that of so many by the exact law.

    The larger of the two, for the spread of draws is small just when large losses are missing among
    them. By the influence function (Trindade et al. 2007), (L - VaR)+ over 1 - level.
    """
    v = law.var(level)
    excess = (1.0 - level) * (law.cvar(level) - v)
    spread = math.sqrt(max(law.squared_excess(v) - excess**2, 0.0) / drawn.count)
    return max(drawn.cvar_error(level), spread / (1.0 - level))


def _cvar_error(known: Weighted, law: SignedLaw, level: float, error: float) -> float:
    """The same of draws by strata: their error grows with the mean square of the excess."""
    v = known.var(level).value
    drawn = known.of(lambda losses: np.maximum(losses - v, 0.0) ** 2).value
    return error * math.sqrt(max(law.squared_excess(v) / drawn, 1.0)) if drawn > 0.0 else error


def figures(known: Weighted, law: SignedLaw) -> Document:
    """Simulated figures with standard errors, and how far they are from the exact ones.

    What the tail is worth too few draws for is null.
    """
    found: Document = {
        "years": int(known.strata.counts.sum()),
        "strata": len(known.strata.counts),
        "mean": known.mean.value,
        "mean_se": known.mean.error,
        **{key: {} for key in ("var", "cvar", "var_se", "cvar_se", "effective")},
    }
    enough = []
    for level in LEVELS:
        name = f"{level:g}"
        found["effective"][name] = known.effective(level)
        try:
            pair = {"var": known.var(level), "cvar": known.cvar(level)}
            enough.append(level)
        except AssessmentError:
            pair = {}
        for key in ("var", "cvar"):
            found[key][name] = pair[key].value if pair else None
            found[f"{key}_se"][name] = pair[key].error if pair else None
        if pair and pair["cvar"].error is not None:
            found["cvar_se"][name] = _cvar_error(known, law, level, pair["cvar"].error)
    apart = gaps(law, known, enough)
    return {**found, "gap": max(apart, key=abs) if apart else None}


def thin(known: Weighted) -> str:
    """Why a usual level has no simulated figure; empty where all have one."""
    for level in LEVELS:
        try:
            known.var(level)
        except AssessmentError as error:
            return str(error)
    return ""
