# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail of the whole institution, at any level."""

from __future__ import annotations

from dataclasses import replace

from perilscope.cycle.measures import Document
from perilscope.cycle.questions.conditions import head
from perilscope.cycle.questions.reading import Law, Reading, read
from perilscope.cycle.settings import Settings
from perilscope.cycle.together import contributions as split_by
from perilscope.cycle.whole import alone, borne, shares_of, traced, uncertainty
from perilscope.cycle.workspace import Workspace
from perilscope.engines.joint import borne as engine
from perilscope.engines.joint import causes as behind
from perilscope.engines.joint.borne import Borne
from perilscope.errors import MisuseError
from perilscope.layers import apart


def contributions(workspace: Workspace, settings: Settings, level: float) -> Document:
    """Contributions to CVaR at a level, and the states of networks that stand behind it.

    Parameters
    ----------
    workspace : Workspace
    settings : Settings
    level : float
        Above 0.5 and below 1.

    Raises
    ------
    MisuseError
        Another level.
    """
    if not 0.5 < level < 1.0:
        raise MisuseError(f"a level must lie between 0.5 and 1, like 0.99; not {level}")
    reading = read(workspace, settings)
    law = reading.law
    found: Document = {
        **head(reading),
        "level": f"{level:g}",
        "var": law.var(level),
        "cvar": law.cvar(level),
        **_split(reading, law, level),
    }
    found["notes"] = [f"{where}: {what}" for where, what in reading.notes]
    return found


def _split(reading: Reading, law: Law, level: float) -> Document:
    all_ = reading.together
    if all_ is None:
        lines = reading.register.contributions(level)
        held = Borne(level, law.cvar(level), lines, {})
        split = split_by(held, reading.book.scenarios, reading.book, {})
        ways = {name: shares_of(each, held.cvar) for name, each in split.items()}
        return {"contributions": {"level": f"{level:g}", "cvar": held.cvar, **ways}}
    joint = all_.whole.joint
    if level != all_.borne.level:
        all_ = replace(
            all_,
            borne=engine.contributions(joint, all_.law, level),
            tails=behind.tails(joint, all_.law, all_.law.var(level)),
        )
    none = {name: law.none for name, law in reading.layers.items()}
    priced = apart.layers(all_.whole, reading.book.scenarios, none)
    return {
        "uncertainty": uncertainty(all_),
        **borne(all_, reading.book),
        **traced(all_),
        "alone": alone(all_, {**reading.layers, **priced}),
    }
