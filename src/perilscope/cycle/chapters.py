# SPDX-License-Identifier: Apache-2.0
"""What a run adds where it was asked for: what moved, the horizon in slices, capital."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perilscope.cycle.assess import Result
from perilscope.cycle.document import document
from perilscope.cycle.inputs import Made, reopen
from perilscope.cycle.measures import Document
from perilscope.cycle.questions.capital import of as capital_of
from perilscope.cycle.questions.feedback import PATHS, feedback
from perilscope.cycle.questions.moved import moved
from perilscope.cycle.start import Progress
from perilscope.errors import AssessmentError


def whole(
    result: Result,
    *,
    since: Path | None = None,
    capital: bool = False,
    progress: Progress = lambda _w, _d, _o: None,
) -> Document:
    """The run document with its chapters.

    Parameters
    ----------
    result : Result
    since : Path, optional
        An earlier run: what moved since then is told.
    capital : bool
        Whether risk capital is told in every sense.
    progress : callable
        Told of the runs that are made on the way.

    Raises
    ------
    StoreError
        There is no earlier run, or it is none.
    MisuseError
        It counts in another currency.
    """
    found = document(result)
    if since is not None:
        now = Made(found, result.workspace, result.settings)
        found["moved"] = moved(reopen(since), now, progress)
    found |= in_slices(result)
    if capital:
        found["capital"] = capital_of(result)
    return found


def in_slices(result: Result) -> Document:
    """The horizon in slices under the evidence on networks, where the book declares it.

    Where it cannot be assessed the reason is told, and the run stands.
    """
    if result.book.feedback is None:
        return {}
    known = result.drivers.evidence if result.settings.evidence else {}
    settings = replace(
        result.settings,
        evidence=tuple(f"{node}={state}" for node, state in known.items()),
        years=min(result.settings.years, PATHS),
    )
    try:
        return {"feedback": feedback(result.workspace, settings)}
    except AssessmentError as error:
        return {"feedback": {"failed": str(error)}}
