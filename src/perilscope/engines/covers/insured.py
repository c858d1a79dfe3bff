# SPDX-License-Identifier: Apache-2.0
"""Recoveries event by event: limits put back for a premium, and insurers that fail.

A second way to what `covers.cover` computes, which shares no transform with it; and the
only one where a premium is due for what is put back. Losses are those of the register, drawn by the
laws of the lines; each event's payment is drawn with it, so that what a year leaves is exact in
each horizon.

A holding is lost in the order in which events happen, all times of a year alike: an event costs at
most what is left of it, and of that the cover pays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.covers.cover import Terms
from perilscope.engines.covers.dated import dated, lengths
from perilscope.engines.laws.law import Integers
from perilscope.engines.simulation.sampled import events, scale_of
from perilscope.engines.simulation.simulation import States, prepared
from perilscope.engines.simulation.vectorised import BLOCK
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]

_MOST_EVENTS = 2**24
"""Events of one holding in one block that are put in order at most."""


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
        As in `simulation.simulation.simulate`; a mixture may name drivers of contracts.
    contracts : sequence of Contract
        No line has two.
    draws, seed : int

    Raises
    ------
    AssessmentError
        Too many events of a holding to put them in order; as `covers.dated.dated`.
    """
    owner = {key: contract for contract in contracts for key in contract.keys}
    spent = {line.group for line in lines if line.key in owner and line.group in caps}
    held = [line for line in lines if line.key in owner or line.group in spent]
    kept = {line.key for line in held}
    rest = [line for line in lines if line.key not in kept]
    known = [_seen(mixture, {line.key for line in lines}) for mixture in mixtures]
    others = prepared(rest, known, caps, draws=draws, seed=seed) if rest else None
    states = States(mixtures)
    blocks = -(-draws // BLOCK)
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
        for key, year, at, loss in _losses(held, owner, spent, caps, happens, seed, block):
            gross[here] += np.bincount(at, loss, BLOCK)
            if key in owner:
                terms = owner[key].terms
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


def _losses(
    lines: Sequence[Compound],
    owner: Mapping[str, Contract],
    spent: set[str],
    caps: Mapping[str, float],
    happens: Mapping[str, Any],
    seed: int,
    block: int,
) -> Iterator[tuple[str, int, Integers, Array]]:
    """Line, year, horizons and what they cost, of the events of a block, some at a time."""
    held: dict[str, list[tuple[str, int, Integers, Array]]] = {group: [] for group in spent}
    for line in lines:
        drives = happens.get(line.key)
        if line.group in spent:  # by the year, as its holding is capped
            drawn = events(line, lengths(line.years), drives, seed, block, happens)
        elif owner[line.key].terms.annual:
            drawn = dated(line, drives, seed, block, happens)
        else:
            drawn = events(line, [line.years], drives, seed, block, happens)
        for year, at, sizes in drawn:
            loss = sizes * scale_of(line, seed, block, at)
            if line.group not in spent:
                yield line.key, year, at, loss
                continue
            held[line.group].append((line.key, year, at, loss))
            if sum(len(event[2]) for event in held[line.group]) > _MOST_EVENTS:
                raise AssessmentError(
                    f"{line.group} is hit too often for its events to be put in order: say "
                    "`refilled: yes`, or leave out the small ones"
                )
    for group, drawn_there in held.items():
        rng = stream(seed, group, "order of events", block)
        yield from _in_order(drawn_there, caps[group], rng)


def _in_order(
    drawn: Sequence[tuple[str, int, Integers, Array]], cap: float, rng: np.random.Generator
) -> Iterator[tuple[str, int, Integers, Array]]:
    """The same events where each takes at most what those before it in its year left."""
    if not drawn:
        return
    years = np.concatenate([np.full(len(at), year) for _, year, at, _ in drawn])
    at = np.concatenate([at for _, _, at, _ in drawn])
    loss = np.minimum(np.concatenate([loss for _, _, _, loss in drawn]), cap)
    order = np.lexsort((rng.random(len(at)), at, years))
    which, size = (years * BLOCK + at)[order], loss[order]
    before = np.cumsum(size) - size
    first = np.append(True, which[1:] != which[:-1]) if len(which) else np.zeros(0, dtype=bool)
    before -= before[first][np.cumsum(first) - 1]
    cut = np.empty_like(loss)
    cut[order] = np.clip(cap - before, 0.0, size)
    ends = np.cumsum([len(event[2]) for event in drawn])
    for (key, year, here, _), mine in zip(drawn, np.split(cut, ends[:-1]), strict=True):
        yield key, year, here, mine


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
