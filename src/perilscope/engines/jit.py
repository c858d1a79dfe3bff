# SPDX-License-Identifier: Apache-2.0
"""How functions are compiled here: without the interpreter's lock, kept from run to run.

What imports this loads Numba, which takes its time. Whoever wants machine code kept sets
``numba.config.CACHE_DIR`` before that. Numba's cache knows of edits of the file that a compiled
function stands in and of no other, so such functions call nothing outside their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numba.core.config

_Function = TypeVar("_Function", bound=Callable[..., Any])
EXACT: frozenset[str] = frozenset()
"""Nothing is reordered or fused: bits stay as they are written."""
FUSED = frozenset({"contract", "reassoc", "arcp", "nsz"})
"""Sums may be fused, which NumPy does not do: they agree to rounding, not to the bit."""


def compiled(liberties: frozenset[str] = EXACT) -> Callable[[_Function], _Function]:
    """A decorator that compiles a function, divisions by zero giving infinities.

    Parameters
    ----------
    liberties : set of str
        What LLVM may do to sums, `EXACT` or `FUSED`.
    """
    settings: Any = numba.core.config
    keep = bool(settings.CACHE_DIR)
    fast = set(liberties) or False

    def decorate(function: _Function) -> _Function:
        numbers = numba.njit(nogil=True, cache=keep, error_model="numpy", fastmath=fast)
        return cast(_Function, numbers(function))

    return decorate
