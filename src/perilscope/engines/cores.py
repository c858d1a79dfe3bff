# SPDX-License-Identifier: Apache-2.0
"""How many threads are worth starting."""

from __future__ import annotations

import os


def cores() -> int:
    """Processors that this process may use: those it is bound to, where a system says.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    bound = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(bound(0)) if bound else os.cpu_count() or 1
