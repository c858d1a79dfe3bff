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
from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import shared_by
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.errors import AssessmentError
from perilscope.layers import operational
from perilscope.layers.context import Context
from perilscope.layers.driven import driven, mixture

ADDED = (
    "The enterprise figure adds operational and protocol losses over the horizon. Market VaR and "
    "CVaR stand beside it at their own horizons and are never added; expected gains offset nothing."
)

ALONE = "Operational and protocol losses are added over the horizon."
"""What is said where there is no market."""

RAREST = 0.999
"""The rarest level that a scenario must be able to answer for."""

USUAL, TOO_COARSE = 0.99, 0.25
"""A scenario whose figures at the usual level may be this far off is not shown."""


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
        Joint states of what one network drives together; of a network with too many of them the
        network itself.
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
            lines, mixtures=_restricted(lines, self.mixtures), caps=_used(self.caps, lines)
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
            own = _mixtures(scenarios, {scenario.id: line}, context)
            register = Register([line], mixtures=own, caps=_used(caps, [line]))
            law = register.law()
            law.var(RAREST)  # refused here if its grid cannot say
            if not law.error_at(USUAL) <= TOO_COARSE:
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
    """Joint states of the nodes of each network that several lines hang on."""
    found = driven(lines, scenarios, context)
    return tuple(mixture(net, hit, context) for net, hit in found.items() if hit.ties > 1)


def _restricted(
    lines: Sequence[Compound], mixtures: Sequence[Mixture | Unlisted]
) -> tuple[Mixture | Unlisted, ...]:
    """The mixtures as seen by some lines only: other lines are forgotten, equal states merged."""
    wanted = {line.key for line in lines}
    wanted |= {belief.name for line in lines for belief in shared_by(line.beliefs)}
    kept: list[Mixture | Unlisted] = []
    for each in mixtures:
        if isinstance(each, Unlisted):  # a register lists what is left, where it is little
            mine = [key for key in each.keys if key in wanted]
            kept += [each.only(mine)] if len(mine) > 1 else []
            continue
        merged: dict[tuple[tuple[str, float], ...], float] = {}
        for p, hits in each:
            seen = tuple((key, hit) for key, hit in hits.items() if key in wanted)
            merged[seen] = merged.get(seen, 0.0) + p
        if any(len(seen) > 1 for seen in merged):
            kept.append(tuple((p, dict(seen)) for seen, p in merged.items()))
    return tuple(kept)


def _used(caps: Mapping[str, float], lines: Sequence[Compound]) -> dict[str, float]:
    named = {line.group for line in lines if line.group}
    return {what: cap for what, cap in caps.items() if what in named}
