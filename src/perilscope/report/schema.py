# SPDX-License-Identifier: Apache-2.0
"""The committed shape of the run document, which is also what ``--json`` prints."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _text() -> str:
    return files("perilscope.report").joinpath("run_schema.json").read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the run document.

    Returns
    -------
    dict
        A fresh copy, which the caller may change.

    Examples
    --------
    >>> schema()["properties"]["format"]["const"]
    1
    """
    loaded: dict[str, Any] = json.loads(_text())
    return loaded
