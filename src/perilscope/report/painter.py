# SPDX-License-Identifier: Apache-2.0
"""Charts drawn by a process of their own, which warms up while the figures are being found.

The drawing engine takes longer to start than to draw, and holds the interpreter while it starts.
Where no second process can be had the charts are drawn here: the same bytes, somewhat later.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import IO, Self

from perilscope.report.charts import Spec, svgs

_WARM: Spec = {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {}}


class Painter:
    """Draws charts in a child process; use it as a context.

    Examples
    --------
    >>> with Painter() as painter:
    ...     drawn = painter.draw([])
    >>> drawn
    []
    """

    def __enter__(self) -> Self:
        try:
            self._child: subprocess.Popen[str] | None = subprocess.Popen(
                [sys.executable, "-m", "perilscope.report.painter"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
        except OSError:
            self._child = None
        return self

    def draw(self, specs: Sequence[Spec]) -> list[str]:
        """Charts as SVG, in the order given."""
        if not specs:
            return []
        answer = self._asked(json.dumps(list(specs)))
        return svgs(specs) if answer is None else answer

    def _asked(self, question: str) -> list[str] | None:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            return None
        try:
            child.stdin.write(question + "\n")
            child.stdin.flush()
            found = json.loads(child.stdout.readline())
        except (OSError, ValueError):
            return None
        return [str(drawn) for drawn in found]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        child = self._child
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                _closed(pipe)
        child.kill()
        child.wait()


def _closed(pipe: IO[str]) -> None:
    try:
        pipe.close()
    except OSError:
        return


def serve(questions: Iterable[str], answers: IO[str]) -> None:
    """Draw each line's list of specifications and answer with one line."""
    svgs([_WARM])
    for line in questions:
        answers.write(json.dumps(svgs(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    serve(sys.stdin, sys.stdout)
