# SPDX-License-Identifier: Apache-2.0
"""Questions to runs and institutions from Python: what moved, and capital in every sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perilscope.api import Chart, Institution, Run, load
from perilscope.cycle.capital import LEVEL, SLICES, SURVIVAL
from perilscope.cycle.capital import capital as look
from perilscope.cycle.inputs import Made, reopen
from perilscope.cycle.moved import MEASURES, moved
from perilscope.cycle.settings import Settings
from perilscope.errors import MisuseError
from perilscope.store.documents import write_text


def diff(before: Run | str | Path, after: Run | str | Path) -> Moved:
    """What moved from one run to another, and why: a waterfall that adds up.

    Parameters
    ----------
    before, after : Run or path
        Runs of this session, or the folders (or ``run.json``) that they were saved in.

    Raises
    ------
    StoreError
        There is no run in a folder, or it is none.
    MisuseError
        The runs count in different currencies.

    Examples
    --------
    >>> import perilscope
    >>> rare, often = "theft: 1 in 4 years, 1M", "theft: 1 in 2 years, 1M"
    >>> runs = [perilscope.quantify(line, engine="exact") for line in (rare, often)]
    >>> found = perilscope.diff(*runs)
    >>> found.moved("ale"), [bar["kind"] for bar in found.bars("ale")]
    (250000.0, ['model'])
    """
    return Moved(moved(_made(before), _made(after)))


def _made(run: Run | str | Path) -> Made:
    if isinstance(run, Run):
        return Made(run.document, run.result.workspace, run.result.settings)
    return reopen(Path(run))


@dataclass(frozen=True)
class Moved:
    """What ``diff`` found; ``document`` is what ``perilscope diff --json`` prints."""

    document: dict[str, Any]

    def moved(self, measure: str = "cvar_0.99") -> float:
        """By how much a measure moved, in money.

        Raises
        ------
        MisuseError
            There is no such measure.
        """
        return float(self._measure(measure)["moved"])

    def bars(self, measure: str = "cvar_0.99") -> list[dict[str, Any]]:
        """What moved a measure, adding up to the move: ``kind``, ``name``, ``value``."""
        return list(self._measure(measure)["bars"])

    def plot(self, measure: str = "cvar_0.99") -> Chart:
        """The waterfall of a measure."""
        from perilscope.report import waterfall

        self._measure(measure)
        return Chart(waterfall.chart(self.document, measure))

    def save(self, path: str | Path) -> Path:
        """Write an HTML page that stands by itself."""
        from perilscope.report import pages

        write_text(Path(path), pages.moved(self.document))
        return Path(path)

    def _measure(self, measure: str) -> Mapping[str, Any]:
        if measure not in self.document["measures"]:
            raise MisuseError(f"no measure is called {measure!r}; there are {', '.join(MEASURES)}")
        found: Mapping[str, Any] = self.document["measures"][measure]
        return found

    def __str__(self) -> str:
        from perilscope.report import waterfall

        return _text(waterfall.render(self.document))


def capital(
    what: Institution | str | Path,
    *,
    level: float = LEVEL,
    survival: float = SURVIVAL,
    slices: int = SLICES,
    evidence: Mapping[str, str] | None = None,
    **settings: Any,
) -> Capital:
    """Risk capital in every sense, and what it earns.

    Parameters
    ----------
    what : Institution or path
    level : float
        Of VaR and CVaR.
    survival : float
        Probability with which capital is to last the horizon.
    slices : int
        How often within the horizon it is looked whether it lasted.
    evidence : mapping, optional
        Node (or ``network.node``) to its observed state.
    settings
        ``horizon``, ``seed`` as on the command line.

    Raises
    ------
    BookError, DataError, MisuseError
        As on the command line.

    Examples
    --------
    >>> import perilscope
    >>> book = perilscope.declare(theft="1 in 20 years, 1M", fraud="1 in 10 years, 2M")
    >>> found = perilscope.capital(book, slices=4)
    >>> found.document["enterprise"]["var"], round(found.lasting / 1e6, 1)
    (2000000.0, 2.0)
    """
    institution = what if isinstance(what, Institution) else load(what)
    given = tuple(f"{node}={state}" for node, state in (evidence or {}).items())
    try:
        chosen = Settings(engine="exact", evidence=given, **settings)
    except TypeError as error:
        raise MisuseError(f"capital: {error}") from error
    workspace = institution.workspace
    return Capital(look(workspace, chosen, level=level, survival=survival, slices=slices))


@dataclass(frozen=True)
class Capital:
    """What ``capital`` found; ``document`` is what ``perilscope capital --json`` prints."""

    document: dict[str, Any]

    @property
    def lasting(self) -> float | None:
        """Capital that lasts with the probability asked for; None where none was found."""
        found = self.document["lasting"]
        return None if found is None else float(found["capital"])

    def save(self, path: str | Path) -> Path:
        """Write an HTML page that stands by itself."""
        from perilscope.report import pages

        write_text(Path(path), pages.capital(self.document))
        return Path(path)

    def __str__(self) -> str:
        from perilscope.report import capital as drawn

        return _text(drawn.render(self.document))


def _text(shown: Any) -> str:
    """What the terminal shows, as text."""
    from rich.console import Console

    console = Console(width=110, color_system=None, force_terminal=False)
    with console.capture() as got:
        console.print(shown)
    return got.get()


__all__ = ["Capital", "Moved", "capital", "diff"]
