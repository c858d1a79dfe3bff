# SPDX-License-Identifier: Apache-2.0
"""The report made by a process of its own, which warms up while the figures are being found.

What draws the charts takes longer to start than to draw, and holds the interpreter while it starts.
Where no second process can be had the page is made here: the same bytes, somewhat later.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Self


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

    def page(self, document: Mapping[str, Any]) -> str:
        """The report of a run as one HTML document."""
        page = self._asked(json.dumps(document))
        if page is not None:
            return page
        from perilscope.report import html

        return html.render(document)

    def _asked(self, question: str) -> str | None:
        if self._child is None:
            return None
        try:
            answer, _ = self._child.communicate(question)
            page = json.loads(answer)
        except (OSError, ValueError):
            return None
        return page if isinstance(page, str) else None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()


def serve(question: IO[str], answer: IO[str]) -> None:
    """Warm up, then make one page: a document in, its report out, both as JSON."""
    from perilscope.report import charts, html

    charts.warm()
    html.warm()
    json.dump(html.render(json.load(question)), answer)


if __name__ == "__main__":
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    serve(sys.stdin, sys.stdout)
