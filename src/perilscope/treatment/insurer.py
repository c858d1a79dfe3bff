# SPDX-License-Identifier: Apache-2.0
"""Who pays may fail, and limits may be put back: covers case by case, and by simulation.

Whether an insurer fails is a case of its own: given it, everything is as without it. So the law net
of covers is a blend over the cases of the laws in each, exactly. Where a node of a network says
whether it fails, the case changes what is thought of the scenarios that the same network drives:
their joint states are those given the case. Both are simulated too, event by event.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perilscope.beliefs.law import point
from perilscope.book import Cover, From
from perilscope.engines.aggregate.compound import Mixture
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.covers import cover as engine
from perilscope.engines.covers.cover import Terms
from perilscope.engines.covers.insured import Contract, Recovered, estimate, recovered
from perilscope.engines.simulation.draws import Draws
from perilscope.engines.simulation.vectorised import BLOCK
from perilscope.errors import AssessmentError, InexactError
from perilscope.layers.context import Context
from perilscope.layers.driven import Driven, driven, mixture
from perilscope.layers.enterprise import Joined
from perilscope.layers.horizon import happens_over

MOST_CASES = 64
MOST_DRAWS = 1 << 18
MOST_EVENTS = 1e8
"""Events that are drawn, about, unless a single block has more."""


@dataclass(frozen=True)
class Case:
    """Which insurers fail, how likely that is, and all lines given it."""

    chance: float
    register: Register
    failed: frozenset[str]


@dataclass(frozen=True)
class Measured:
    """Everything net of covers by simulation; money over the horizon, each with its error.

    Parameters
    ----------
    horizons : int
    mean, var, cvar : (float, float)
        Of everything net of the covers.
    paid, lost, premium : (float, float)
        Of the last cover: what it pays, what is lost by its default, premiums for what is put back.
    something, exhausted : float
        Of the last cover: share of horizons in which it pays, and in which its limit is used up.
    """

    horizons: int
    mean: tuple[float, float]
    var: tuple[float, float]
    cvar: tuple[float, float]
    paid: tuple[float, float]
    lost: tuple[float, float]
    premium: tuple[float, float]
    something: float
    exhausted: float

    @property
    def error(self) -> float:
        """Relative standard error, the larger of VaR's and CVaR's."""
        size = abs(self.cvar[0])
        return max(self.var[1], self.cvar[1]) / size if size > 0.0 else 0.0


def terms_when(terms: Terms, share: float) -> Terms:
    """Terms of which a share of each payment is made: of the year's too.

    Examples
    --------
    >>> terms_when(Terms(limit=100.0, annual_limit=200.0), 0.25)
    Terms(deductible=0.0, limit=100.0, share=0.25, annual_deductible=0.0, annual_limit=50.0)
    """
    return replace(
        terms,
        share=terms.share * share,
        annual_deductible=terms.annual_deductible * share,
        annual_limit=terms.annual_limit * share,
    )


def failing(cover: Cover) -> float:
    """Share that is paid when the insurer fails; 1 where it does not."""
    return 1.0 if cover.insurer is None else point(cover.insurer.recovers)


def put_back(cover: Cover, terms: Terms, premium: float) -> tuple[float, float]:
    """Payments of a year that are put back at most, and what each unit of it costs.

    Parameters
    ----------
    cover : Cover
    terms : Terms
        Of the cover.
    premium : float
        What the cover costs a year.
    """
    again = cover.reinstatements
    if again is None:
        return 0.0, 0.0
    once = terms.share * terms.limit
    return again.number * once, point(again.premium) * premium / once if once > 0.0 else 0.0


def cases(
    covers: Iterable[Cover], joined: Joined, context: Context, register: Register
) -> list[Case]:
    """Every combination of insurers that fail, with all lines given it.

    Parameters
    ----------
    covers : iterable of Cover
    joined, context
        What the lines come from.
    register : Register
        All lines where no case is known.

    Raises
    ------
    AssessmentError
        Too many combinations, or a network whose joint states are not listed.
    """
    mine = [cover for cover in covers if cover.insurer is not None]
    tied = [cover for cover in mine if _source(cover) is not None]
    alone = [cover for cover in mine if _source(cover) is None]
    if 2 ** len(mine) > MOST_CASES:
        raise InexactError(f"{len(mine)} insurers may fail; at most 6 are looked at together")
    ways: list[list[tuple[float, frozenset[str], Mixture | None]]] = []
    kept, mixed = _mixtures(tied, joined, context)
    for states in mixed:
        ways.append(list(_given(states, {driver(cover): cover.id for cover in tied})))
    for cover in alone:
        p = chance(cover, context)
        ways.append([(1.0 - p, frozenset(), None), (p, frozenset([cover.id]), None)])
    found = []
    for way in itertools.product(*ways):
        likely = math.prod(p for p, _, _ in way)
        if likely > 0.0:
            failed = frozenset().union(*(names for _, names, _ in way))
            given = [states for _, _, states in way if states is not None]
            own = register if not tied else _with(joined, [*kept, *given])
            found.append(Case(likely, own, failed))
    return found


def _with(joined: Joined, mixtures: Sequence[Mixture | Unlisted]) -> Register:
    return Register(list(joined.lines.values()), mixtures=mixtures, caps=joined.caps)


def driver(cover: Cover) -> str:
    """Key of what says that an insurer fails, in the joint states of its network."""
    return f"insurer\0{cover.id}"


def _source(cover: Cover) -> From | None:
    assert cover.insurer is not None
    return cover.insurer.defaults if isinstance(cover.insurer.defaults, From) else None


def chance(cover: Cover, context: Context) -> float:
    """Probability over the horizon that an insurer fails."""
    if cover.insurer is None:
        return 0.0
    source = _source(cover)
    if source is not None:
        own = (source.network, source.node, source.state)
        return context.drivers.horizon_probability(*own, context.years)
    assert not isinstance(cover.insurer.defaults, From)
    return happens_over(point(cover.insurer.defaults.estimate.value), context.years, 1.0)


def _mixtures(
    tied: Sequence[Cover], joined: Joined, context: Context
) -> tuple[list[Mixture | Unlisted], list[Mixture]]:
    """Mixtures of networks without insurers, and those of the others with them."""
    found = driven(joined.lines, context.book.scenarios, context)
    mine: set[str] = set()
    for cover in tied:
        source = _source(cover)
        assert source is not None
        network, node = context.drivers.place(source.network, source.node)
        hit = found.setdefault(network, Driven())
        hit.events.setdefault((node, source.state), []).append(driver(cover))
        mine.add(network)
    mixed: list[Mixture] = []
    kept: list[Mixture | Unlisted] = []
    for network, hit in found.items():
        if network not in mine:
            kept += [mixture(network, hit, context)] if hit.ties > 1 else []
            continue
        made = mixture(network, hit, context)
        if isinstance(made, Unlisted):
            raise AssessmentError(
                f"too many events of network {network} drive losses for an insurer to hang on it: "
                "say the probability that it fails, or let fewer nodes drive"
            )
        mixed.append(made)
    return kept, mixed


def _given(
    states: Mixture, insurers: dict[str, str]
) -> Iterable[tuple[float, frozenset[str], Mixture | None]]:
    """The joint states given each combination of insurers that fail."""
    groups: dict[frozenset[str], list[tuple[float, dict[str, float]]]] = {}
    for p, hits in states:
        failed = frozenset(name for key, name in insurers.items() if hits.get(key, False))
        rest = {key: hit for key, hit in hits.items() if key not in insurers}
        groups.setdefault(failed, []).append((p, rest))
    for failed, rows in groups.items():
        whole = math.fsum(p for p, _ in rows)
        if whole > 0.0:
            left = tuple((p / whole, hits) for p, hits in rows) if rows[0][1] else None
            yield whole, failed, left


def contract(cover: Cover, terms: engine.Cover, premium: float, context: Context) -> Contract:
    """A cover as it is simulated."""
    most, rate = put_back(cover, terms.terms, premium)
    tied = cover.insurer is not None and _source(cover) is not None
    return Contract(
        cover.id,
        terms.keys,
        terms.terms,
        put_back=most,
        rate=rate,
        fails=0.0 if tied else chance(cover, context),
        driver=driver(cover) if tied else "",
        recovers=failing(cover) if cover.insurer is not None else 0.0,
    )


def drawn(
    contracts: Sequence[Contract],
    covers: Sequence[Cover],
    joined: Joined,
    context: Context,
    *,
    draws: int,
    seed: int,
) -> Recovered:
    """Losses and recoveries event by event.

    Raises
    ------
    AssessmentError
        As `perilscope.engines.covers.insured.recovered`.
    """
    tied = [c for c in covers if c.insurer is not None and _source(c) is not None]
    kept, mixed = _mixtures(tied, joined, context)
    return recovered(
        list(joined.lines.values()), [*kept, *mixed], joined.caps, contracts,
        draws=draws, seed=seed,
    )  # fmt: skip


def horizons(joined: Joined, draws: int) -> int:
    """How many horizons are drawn event by event: fewer where each has very many events."""
    events = math.fsum(line.expected for line in joined.lines.values())
    blocks = max(int(MOST_EVENTS / max(events * BLOCK, 1.0)), 1)
    return min(draws, MOST_DRAWS, blocks * BLOCK)


def simulated(
    contracts: Sequence[Contract],
    covers: Sequence[Cover],
    joined: Joined,
    context: Context,
    *,
    draws: int,
    seed: int,
    level: float,
) -> Measured:
    """Everything net of covers, event by event; the premium is that of the last of them."""
    number = horizons(joined, draws)
    found = drawn(contracts, covers, joined, context, draws=number, seed=seed)
    net, mine = Draws(found.net), contracts[-1]
    paid, lost = found.paid[mine.name], found.lost[mine.name]
    return Measured(
        horizons=number,
        mean=estimate(found.net),
        var=(net.var(level), net.var_error(level)),
        cvar=(net.cvar(level), net.cvar_error(level)),
        paid=estimate(paid),
        lost=estimate(lost),
        premium=estimate(found.premium[mine.name]),
        something=float((paid != 0.0).mean()),
        exhausted=float(found.used[mine.name].mean()),
    )
