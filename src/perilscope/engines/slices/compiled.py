# SPDX-License-Identifier: Apache-2.0
"""The power of a chain at each frequency, compiled: see :mod:`perilscope.engines.slices.chain`."""

from __future__ import annotations

from typing import Any, cast

import numba.core.config
import numpy as np


def _compiled(function: Any) -> Any:
    # each frequency is by itself, so threads change no bit; within one, sums may be taken in
    # another order, which is the same order each time
    settings: Any = numba.core.config
    keep = bool(settings.CACHE_DIR)
    return cast(Any, numba.njit(nogil=True, cache=keep, fastmath=True)(function))


@_compiled
def power(transition: Any, kinds: Any, phi: Any, start: Any, slices: Any, out: Any) -> None:
    """For each row of ``phi`` (frequencies, ways): start' [P o Phi]^slices 1 into ``out``."""
    states = len(start)
    real, imag = np.empty((states, states)), np.empty((states, states))
    a, b = np.empty(states), np.empty(states)
    c, d = np.empty(states), np.empty(states)
    for w in range(len(phi)):
        for i in range(states):
            for j in range(states):
                z = phi[w, kinds[i, j]]
                real[i, j] = transition[i, j] * z.real
                imag[i, j] = transition[i, j] * z.imag
        for j in range(states):
            a[j], b[j] = start[j], 0.0
        for _ in range(slices):
            for j in range(states):
                c[j], d[j] = 0.0, 0.0
            for i in range(states):
                x, y = a[i], b[i]
                for j in range(states):
                    c[j] += x * real[i, j] - y * imag[i, j]
                    d[j] += x * imag[i, j] + y * real[i, j]
            for j in range(states):
                a[j], b[j] = c[j], d[j]
        out[w] = complex(a.sum(), b.sum())


@_compiled
def abreast(transition: Any, kinds: Any, phi: Any, start: Any, slices: Any, out: Any) -> None:
    """The same for few states: frequencies go abreast, as vectors of the processor want it."""
    states, room = len(start), 64
    real, imag = np.empty((states, states, room)), np.empty((states, states, room))
    a, b = np.empty((states, room)), np.empty((states, room))
    c, d = np.empty((states, room)), np.empty((states, room))
    for low in range(0, len(phi), room):
        some = min(room, len(phi) - low)
        for i in range(states):
            for j in range(states):
                kind, chance = kinds[i, j], transition[i, j]
                for w in range(some):
                    real[i, j, w] = chance * phi[low + w, kind].real
                    imag[i, j, w] = chance * phi[low + w, kind].imag
        for j in range(states):
            for w in range(some):
                a[j, w], b[j, w] = start[j], 0.0
        for _ in range(slices):
            for j in range(states):
                for w in range(some):
                    c[j, w], d[j, w] = 0.0, 0.0
                for i in range(states):
                    for w in range(some):
                        c[j, w] += a[i, w] * real[i, j, w] - b[i, w] * imag[i, j, w]
                        d[j, w] += a[i, w] * imag[i, j, w] + b[i, w] * real[i, j, w]
            a, c = c, a
            b, d = d, b
        for w in range(some):
            x, y = 0.0, 0.0
            for j in range(states):
                x += a[j, w]
                y += b[j, w]
            out[low + w] = complex(x, y)
