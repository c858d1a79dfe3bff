# SPDX-License-Identifier: Apache-2.0
"""Charts drawn by processes of their own, which warm up while the figures are being found.

What draws them takes longer to start than to draw, and holds the interpreter while it does either.
Where no other process can be had they are drawn here: the same bytes, somewhat later.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from perilscope.report.charts import Spec


_HANDS = 2
"""Processes that draw: a page of ten charts takes each of them a quarter of a second."""


class Press:
    """Makes the page of one run; use it as a context, opened before the run is computed."""

    def __enter__(self) -> Self:
        self._hands: list[subprocess.Popen[str]] = []
        with contextlib.suppress(OSError):
            for _ in range(_HANDS):
                self._hands.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "perilscope.report.press"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        encoding="utf-8",
                    )
                )
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

        hands = max(len(self._hands), 1)
        shares = [specs[k::hands] for k in range(hands)]
        several = [_asked(own, hand) for own, hand in zip(shares, self._hands, strict=False)]

        def answer() -> list[str]:
            found = [""] * len(specs)
            for k, own in enumerate(several or [charts.drawn(specs)]):
                found[k::hands] = own()
            return found

        return answer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hand in self._hands:
            hand.kill()
            hand.wait()
            for stream in (hand.stdin, hand.stdout):
                if stream is not None:
                    stream.close()


def _asked(specs: Sequence[Spec], hand: subprocess.Popen[str]) -> Callable[[], list[str]]:
    """Have charts drawn by another process; by this one where that fails."""
    from perilscope.report import charts

    here = charts.drawn(specs)
    assert hand.stdin is not None
    assert hand.stdout is not None
    try:
        json.dump(specs, hand.stdin)
        hand.stdin.close()
    except OSError:
        return here
    said = hand.stdout

    def answer() -> list[str]:
        try:
            found = json.load(said)
        except (OSError, ValueError):
            return here()
        return found if isinstance(found, list) and len(found) == len(specs) else here()

    return answer


def serve(question: IO[str], answer: IO[str]) -> None:
    """Warm up, then draw charts: their specifications in, SVG out, both as JSON."""
    from perilscope.report import charts

    charts.warm()
    json.dump(charts.drawn(json.load(question))(), answer)


if __name__ == "__main__":
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    serve(sys.stdin, sys.stdout)
