# SPDX-License-Identifier: Apache-2.0
"""Answers as HTML pages that stand by themselves: what moved between two runs, and capital.

The same style sheet, escaping and content security policy as the report of a run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from perilscope.report import capital_pictures, charts, waterfall
from perilscope.report.html import environment, style
from perilscope.report.names import cleaned

Found = Mapping[str, Any]

MEASURES = ("ale", "var_0.99", "cvar_0.99")
"""Measures whose waterfalls are drawn, where they moved."""
_MOST = 12


def moved(document: Found) -> str:
    """What moved from one run to another, as ``diff`` finds it.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.moved.moved` makes it.
    """
    shown = cleaned(document)
    told = [name for name in MEASURES if name in shown["measures"]]
    every = {name: shown["measures"][name] for name in waterfall.SAID if name in shown["measures"]}
    kinds = dict.fromkeys(kind for each in every.values() for kind in each["kinds"])
    return _page(
        "moved.html",
        shown,
        title=f"{shown['book'] or 'Risk book'} – what moved",
        said=waterfall.SAID,
        every=every,
        kinds=[k for k in kinds if any(each["kinds"].get(k) for each in every.values())],
        pictures={name: _svg(waterfall.chart(document, name)) for name in told},
        borne=[row for row in shown["contributions"] if row["moved"]][:_MOST],
    )


def capital(document: Found) -> str:
    """Risk capital in every sense, as ``capital`` finds it.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.capital.capital` makes it.
    """
    shown = cleaned(document)
    drawn = {
        "worst": capital_pictures.worst(document),
        "lasting": capital_pictures.lasting(document),
        "venues": capital_pictures.venues(document),
        "returns": capital_pictures.returns(document),
    }
    return _page(
        "capital.html",
        shown,
        title=f"{shown['book'] or 'Risk book'} – capital",
        pictures={name: _svg(spec) for name, spec in drawn.items() if spec is not None},
    )


def _svg(spec: charts.Spec) -> Markup:
    return Markup(charts.svg(spec))  # noqa: S704  Vega escapes every text it writes


def _page(template: str, shown: Found, **more: Any) -> str:
    css = style()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    page = (
        environment(strict=False)
        .get_template(template)
        .render(
            found=shown,
            css=Markup(css),  # noqa: S704  our own style sheet
            csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'",
            **more,
        )
    )
    return "\n".join(line for line in page.split("\n") if line.strip()) + "\n"
