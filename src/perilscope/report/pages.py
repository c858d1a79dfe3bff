# SPDX-License-Identifier: Apache-2.0
"""Answers as HTML pages that stand by themselves: what moved, capital, a horizon in slices.

The same style sheet, escaping and content security policy as the report of a run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from perilscope.report import chapters
from perilscope.report.html import environment, style

Found = Mapping[str, Any]


def moved(document: Found) -> str:
    """What moved from one run to another, as `perilscope.cycle.questions.moved.moved` makes it."""
    return _page("moved.html", chapters.moved(document), "what moved")


def capital(document: Found) -> str:
    """Risk capital in every sense, as `perilscope.cycle.questions.capital.capital` makes it."""
    return _page("capital.html", chapters.capital(document), "capital")


def feedback(document: Found) -> str:
    """A horizon in slices, as `perilscope.cycle.questions.feedback.feedback` makes it."""
    return _page("feedback.html", chapters.feedback(document), "a horizon in slices")


def _page(template: str, chapter: chapters.Chapter, what: str) -> str:
    css, found = style(), chapter["found"]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    page = (
        environment(strict=False)
        .get_template(template)
        .render(
            found=found,
            chapter=chapter,
            title=f"{found['book'] or 'Risk book'} – {what}",
            css=Markup(css),  # noqa: S704  our own style sheet
            csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'",
        )
    )
    return "\n".join(line for line in page.split("\n") if line.strip()) + "\n"
