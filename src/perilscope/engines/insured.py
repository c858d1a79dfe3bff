# SPDX-License-Identifier: Apache-2.0
"""Recoveries event by event: limits put back for a premium, and insurers that fail.

A second way to what `perilscope.engines.cover` computes, which shares no transform with it; and the
only one where a premium is due for what is put back. Losses are those of the register, drawn by the
laws of the lines; each event's payment is drawn with it, so that what a year leaves is exact in
each horizon.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.capped import periods
from perilscope.engines.compound import Compound, Mixture
from perilscope.engines.cover import Terms
from perilscope.engines.sampled import events, scale_of
from perilscope.engines.simulation import States, prepared
from perilscope.engines.streams import stream
from perilscope.engines.unlisted import Unlisted
from perilscope.engines.vectorised import BLOCK
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Contract:
    """A cover as it is simulated.

    Parameters
    ----------
    name : str
    keys : tuple of str
        Lines it pays for.
    terms : Terms
    put_back : float
        Payments of a year that are put back at most.
    rate : float
        Premium due for each unit that is put back.
    fails : float
        Probability over the horizon that it fails, by itself.
    driver : str
        Key of a mixture that says whether it fails, instead.
    recovers : float
        Share of what it owes, net of premiums, that it pays when it fails.
    """

    name: str
    keys: tuple[str, ...]
    terms: Terms
    put_back: float = 0.0
    rate: float = 0.0
    fails: float = 0.0
    driver: str = ""
    recovers: float = 0.0


@dataclass(frozen=True)
class Recovered:
    """Horizons with what was lost and what was paid.

    Parameters
    ----------
    gross, net : array, shape (n,)
        Loss of all lines, before and after recoveries; premiums of what is put back are in ``net``.
    paid : mapping of str to array
        What each contract paid, net of premiums.
    premium, lost : mapping of str to array
        Premiums for what is put back, and what was owed and not paid.
    used : mapping of str to array of bool
        Whether the limit of the year was used up.
    """

    gross: Array
    net: Array
    paid: Mapping[str, Array]
    premium: Mapping[str, Array]
    lost: Mapping[str, Array]
    used: Mapping[str, Any]


def recovered(
    lines: Sequence[Compound],
    mixtures: Sequence[Mixture | Unlisted],
    caps: Mapping[str, float],
    contracts: Sequence[Contract],
    *,
    draws: int,
    seed: int,
) -> Recovered:
    """Draw losses and recoveries.

    Parameters
    ----------
    lines, mixtures, caps
        As in `perilscope.engines.simulation.simulate`; a mixture may name drivers of contracts.
    contracts : sequence of Contract
        No line has two.
    draws, seed : int

    Raises
    ------
    AssessmentError
        A line that is capped by the year.
    """
    owner = {key: contract for contract in contracts for key in contract.keys}
    held = {line.key: line for line in lines if line.key in owner}
    for line in held.values():
        if line.group in caps:
            raise AssessmentError(f"the year's loss of {line.key} is capped by a holding")
    rest = [line for line in lines if line.key not in held]
    asked = {line.key for line in lines}
    blocks = -(-draws // BLOCK)
    known = [_seen(mixture, asked) for mixture in mixtures]
    others = prepared(rest, known, caps, draws=draws, seed=seed) if rest else None
    states = States(mixtures)
    gross = np.zeros(blocks * BLOCK)
    due: dict[str, Array] = {c.name: np.zeros_like(gross) for c in contracts}
    premium: dict[str, Array] = {c.name: np.zeros_like(gross) for c in contracts}
    lost: dict[str, Array] = {c.name: np.zeros_like(gross) for c in contracts}
    used = {c.name: np.zeros(len(gross), dtype=bool) for c in contracts}
    for block in range(blocks):
        here = slice(block * BLOCK, (block + 1) * BLOCK)
        happens = states.drawn(seed, block)
        if others is not None:
            for _ in others.block(block, gross[here], lambda _k, _b: np.zeros(0), happens):
                pass
        ceded: dict[str, dict[int, Array]] = {contract.name: {} for contract in contracts}
        for key, line in held.items():
            terms = owner[key].terms
            drives, spans = happens.get(key), _spans(line, terms)
            for year, at, drawn in events(line, spans, drives, seed, block, happens):
                loss = drawn * scale_of(line, seed, block, at)
                gross[here] += np.bincount(at, loss, BLOCK)
                paid = np.minimum(np.maximum(loss - terms.deductible, 0.0), terms.limit)
                more: Array = np.bincount(at, terms.share * paid, BLOCK).astype(np.float64)
                mine = ceded[owner[key].name]
                mine[year] = more + mine.get(year, 0.0)
        for contract in contracts:
            share = _paying(contract, happens, seed, block)
            for sums in ceded[contract.name].values():
                above = np.maximum(sums - contract.terms.annual_deductible, 0.0)
                again = contract.rate * np.minimum(above, contract.put_back)
                owed = contract.terms.of_year(sums) if contract.terms.annual else sums
                premium[contract.name][here] += again * share
                due[contract.name][here] += (owed - again) * share
                lost[contract.name][here] += (owed - again) * (1.0 - share)
                used[contract.name][here] |= above >= contract.terms.annual_limit * (1.0 - 1e-9)
    net = gross - sum(due.values(), np.zeros_like(gross))
    return Recovered(
        gross[:draws],
        net[:draws],
        {name: each[:draws] for name, each in due.items()},
        {name: each[:draws] for name, each in premium.items()},
        {name: each[:draws] for name, each in lost.items()},
        {name: each[:draws] for name, each in used.items()},
    )


def _spans(line: Compound, terms: Terms) -> list[float]:
    """Lengths of the years of a horizon, where terms of the year start anew in each."""
    if not terms.annual:
        return [line.years]
    return [length for length, count in periods(line.years) for _ in range(count)]


def _seen(mixture: Mixture | Unlisted, keys: set[str]) -> Mixture | Unlisted:
    """A mixture as lines see it, without drivers of contracts."""
    if isinstance(mixture, Unlisted):
        return mixture
    return tuple((p, {k: hit for k, hit in hits.items() if k in keys}) for p, hits in mixture)


def _paying(contract: Contract, happens: Mapping[str, Any], seed: int, block: int) -> Array:
    """Share of what it owes that a contract pays in each horizon."""
    if contract.driver:
        failed = np.asarray(happens[contract.driver])
    elif contract.fails > 0.0:
        failed = stream(seed, contract.name, "insurer", block).random(BLOCK) < contract.fails
    else:
        return np.ones(BLOCK)
    return np.where(failed, contract.recovers, 1.0)


def estimate(values: Array) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
