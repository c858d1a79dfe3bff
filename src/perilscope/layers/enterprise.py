# SPDX-License-Identifier: Apache-2.0
"""The layers joined: what one year costs, and what the portfolio may lose beside it.

The enterprise figure is operational plus protocol loss over the horizon of the book. Market figures
stand beside it at their own horizons and are never added: they are gains and losses of another
clock. Scenarios that one network drives happen together; holdings are lost at most once a year.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from perilscope.book import Scenario
from perilscope.engines.compound import Compound
from perilscope.engines.register import Register
from perilscope.engines.unlisted import Unlisted
from perilscope.errors import AssessmentError
from perilscope.layers import operational
from perilscope.layers.drivers import MOST_CELLS
from perilscope.layers.operational import Context

ADDED = (
    "The enterprise figure adds operational and protocol losses over the horizon. Market VaR and "
    "CVaR stand beside it at their own horizons and are never added; expected gains offset nothing."
)

RAREST = 0.999
"""The rarest level that a scenario must be able to answer for."""

USUAL, TOO_COARSE = 0.99, 0.25
"""A scenario whose figures at the usual level may be this far off is not shown."""

Mixture = tuple[tuple[float, Mapping[str, bool]], ...]


@dataclass(frozen=True)
class Failure:
    """A scenario that could not be assessed, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Joined:
    """All lines of loss that could be assessed, and how they hang together.

    Parameters
    ----------
    lines : mapping
        Scenario id to its line, in the order of the book.
    mixtures : tuple
        Joint states of scenarios that one network drives together; of a network with too many of
        them the network itself.
    caps : mapping
        Holding to the most it can cost in a year.
    """

    lines: Mapping[str, Compound]
    mixtures: tuple[Mixture | Unlisted, ...]
    caps: Mapping[str, float]
    failed: tuple[Failure, ...]

    def register(self, keys: Sequence[str] | None = None) -> Register:
        """The register of all lines, or of some of them."""
        chosen = list(self.lines) if keys is None else list(keys)
        lines = [self.lines[key] for key in chosen]
        return Register(
            lines, mixtures=_restricted(self.mixtures, chosen), caps=_used(self.caps, lines)
        )


def join(
    scenarios: Mapping[str, Scenario],
    context: Context,
    tick: Callable[[str], None] = lambda _id: None,
) -> tuple[Joined, dict[str, Register]]:
    """Lines, each as a register of its own, and what joins them.

    A scenario that fails is left out and named.
    """
    lines: dict[str, Compound] = {}
    alone: dict[str, Register] = {}
    failed: list[Failure] = []
    caps: dict[str, float] = {}
    for scenario in scenarios.values():
        try:
            line = operational.line(scenario, context)
            if line.group:
                caps[line.group] = context.valuation.loss(line.group)
            register = Register([line], caps=_used(caps, [line]))
            law = register.law()
            law.var(RAREST)  # refused here if its grid cannot say
            if not law.error[USUAL] <= TOO_COARSE:
                raise AssessmentError(
                    "no grid is both fine and wide enough for its losses: the law is too wide, or "
                    "the events too many; name a holding with `at_most`, narrow the law, or split "
                    "the scenario into small and large losses"
                )
            lines[scenario.id], alone[scenario.id] = line, register
        except AssessmentError as error:
            failed.append(Failure(scenario.id, str(error).removeprefix(f"{scenario.id}: ")))
        tick(scenario.id)
    used = _used(caps, list(lines.values()))
    joined = Joined(lines, _mixtures(scenarios, lines, context), used, tuple(failed))
    return joined, alone


def _mixtures(
    scenarios: Mapping[str, Scenario], lines: Mapping[str, Compound], context: Context
) -> tuple[Mixture | Unlisted, ...]:
    """Joint states of the nodes of each network that drives more than one scenario."""
    by_network: dict[str, dict[tuple[str, str], list[str]]] = {}
    for key in lines:
        source = operational.trigger(scenarios[key])
        if source is not None:
            network, node = context.drivers.place(source.network, source.node)
            nodes = by_network.setdefault(network, {})
            nodes.setdefault((node, source.state), []).append(key)
    mixtures: list[Mixture | Unlisted] = []
    for network, nodes in by_network.items():
        if sum(map(len, nodes.values())) < 2:
            continue
        if 2 ** len(nodes) > MOST_CELLS:
            hits = {key: event for event, keys in nodes.items() for key in keys}
            mixtures.append(context.drivers.unlisted(network, hits, context.years))
            continue
        states = context.drivers.joint_over(network, tuple(nodes), context.years)
        mixtures.append(
            tuple(
                (
                    p,
                    {
                        key: hit
                        for hit, keys in zip(hits, nodes.values(), strict=True)
                        for key in keys
                    },
                )
                for p, hits in states
            )
        )
    return tuple(mixtures)


def _restricted(
    mixtures: Sequence[Mixture | Unlisted], keys: Sequence[str]
) -> tuple[Mixture | Unlisted, ...]:
    """The mixtures as seen by some lines only: other lines are forgotten, equal states merged."""
    wanted = set(keys)
    kept: list[Mixture | Unlisted] = []
    for mixture in mixtures:
        if isinstance(mixture, Unlisted):  # a register lists what is left, where it is little
            mine = [key for key in mixture.keys if key in wanted]
            kept += [mixture.only(mine)] if len(mine) > 1 else []
            continue
        merged: dict[tuple[tuple[str, bool], ...], float] = {}
        for p, hits in mixture:
            seen = tuple((key, hit) for key, hit in hits.items() if key in wanted)
            merged[seen] = merged.get(seen, 0.0) + p
        if any(len(seen) > 1 for seen in merged):
            kept.append(tuple((p, dict(seen)) for seen, p in merged.items()))
    return tuple(kept)


def _used(caps: Mapping[str, float], lines: Sequence[Compound]) -> dict[str, float]:
    named = {line.group for line in lines if line.group}
    return {what: cap for what, cap in caps.items() if what in named}
