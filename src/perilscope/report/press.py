# SPDX-License-Identifier: Apache-2.0
"""Charts drawn by a process of its own, which warms up while the figures are being found.

What draws them takes longer to start than to draw, and holds the interpreter while it does either.
Where no second process can be had they are drawn here: the same bytes, somewhat later.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from perilscope.report.charts import Spec


class Press:
    """Makes the page of one run; use it as a context, opened before the run is computed."""

    def __enter__(self) -> Self:
        try:
            self._child: subprocess.Popen[str] | None = subprocess.Popen(
                [sys.executable, "-m", "perilscope.report.press"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
        except OSError:
            self._child = None
        return self

    def page(self, document: Mapping[str, Any]) -> Callable[[], str]:
        """The report of a run as one HTML document, for who asks when the charts are drawn; its
        text is written meanwhile.
        """
        from perilscope.report import html

        return html.begun(document, self.drawn)

    def drawn(self, specs: Sequence[Spec]) -> Callable[[], list[str]]:
        """As `perilscope.report.charts.drawn`."""
        from perilscope.report import charts

        here, child = charts.drawn(specs), self._child
        if child is None or child.stdin is None:
            return here
        try:
            json.dump(specs, child.stdin)
            child.stdin.close()
        except OSError:
            return here

        def answer() -> list[str]:
            assert child.stdout is not None
            try:
                found = json.load(child.stdout)
            except (OSError, ValueError):
                return here()
            return found if isinstance(found, list) and len(found) == len(specs) else here()

        return answer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for stream in (self._child.stdin, self._child.stdout):
                if stream is not None:
                    stream.close()


def serve(question: IO[str], answer: IO[str]) -> None:
    """Warm up, then draw charts: their specifications in, SVG out, both as JSON."""
    from perilscope.report import charts

    charts.warm()
    json.dump(charts.drawn(json.load(question))(), answer)


if __name__ == "__main__":
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    serve(sys.stdin, sys.stdout)
