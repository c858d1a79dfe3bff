# SPDX-License-Identifier: Apache-2.0
"""The reference cases: published figures, in data beside the project that is not published.

Without them the tests that ask for one skip, and say why.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "reference"
FILE = FOLDER / "cases.yaml"
Case = dict[str, Any]


@cache
def cases() -> dict[str, Case]:
    """All cases by their id; none where the data are not there."""
    if not FILE.is_file():
        return {}
    found = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in found}


def wanted() -> dict[str, Case]:
    """All cases; without them the test that asks is skipped."""
    if not cases():
        pytest.skip(f"the reference cases are not here: {FILE.name} beside the project")
    return cases()


def case(name: str) -> Case:
    """One case."""
    return wanted()[name]


def cases_like(start: str) -> list[Case]:
    """The cases whose id begins so; there is one at least."""
    found = [each for name, each in wanted().items() if name.startswith(start)]
    assert found, f"no case {start} in {FILE.name}"
    return found
