# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import secrets
from typing import Any

from hypothesis import settings

# One run is like the next, so that a failure is somebody's change. PERILSCOPE_SEARCH=1 looks wider,
# and at cases nobody has seen: their seed is drawn here, before workers start, and printed; given
# in place of the 1 it repeats them.
if os.environ.get("PERILSCOPE_SEARCH") == "1":
    os.environ["PERILSCOPE_SEARCH"] = str(2 + secrets.randbelow(2**31))
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=500, deadline=None)
settings.load_profile("search" if os.environ.get("PERILSCOPE_SEARCH") else "steady")


def pytest_report_header() -> list[str]:
    """The seed of a wide search."""
    seed = os.environ.get("PERILSCOPE_SEARCH")
    return [f"a wide search, repeated by PERILSCOPE_SEARCH={seed}"] if seed else []


def pytest_make_parametrize_id(config: Any, val: object, argname: str) -> str | None:
    """Name tests by what they are given; addresses in reprs would differ from worker to worker."""
    if isinstance(val, str | bytes | int | float | complex | bool) or val is None or callable(val):
        return None
    return re.sub(r"<(?:[\w.]+\.)?(\w+) object at 0x[0-9a-f]+>", r"\1", str(val))
