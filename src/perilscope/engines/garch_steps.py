# SPDX-License-Identifier: Apache-2.0
"""The step of a search, compiled: the twin of `garch_search.boxed_step`.

Of thousands of searches side by side, without the interpreter's lock, so that threads help. The
functions that Numba sees call nothing outside this file.
"""

from __future__ import annotations

from typing import Any

import numba
import numba.core.config
import numpy as np

from perilscope.engines.garch_forms import Array

_FLAT, _LEFT = 1e-10, 1e-3
_TURNS = 60
_EXACT = 1e-6
_SWEEPS = 12


def _compiled(function: Any) -> Any:
    settings: Any = numba.core.config
    keep = bool(settings.CACHE_DIR)
    return numba.njit(nogil=True, cache=keep, error_model="numpy")(function)


def boxed_step(
    x: Array, slope: Array, bend: Array, low: Array, high: Array, radius: Array
) -> tuple[Array, Array]:
    """As `garch_search.boxed_step`."""
    step, promise = np.empty_like(x), np.empty(len(x))
    _steps(x, slope, bend, low, high, radius, step, promise)
    return step, promise


@_compiled
def _steps(
    x: Any, slope: Any, bend: Any, low: Any, high: Any, radius: Any, step: Any, promise: Any
) -> None:
    size = x.shape[1]
    free = np.empty(size, np.bool_)
    push, part = np.empty(size), np.empty(size)
    a, basis = np.empty((size, size)), np.empty((size, size))
    for k in range(x.shape[0]):
        g, h, s = slope[k], bend[k], step[k]
        for i in range(size):
            free[i] = not (
                (x[k, i] <= low[k, i] and g[i] > 0.0) or (x[k, i] >= high[k, i] and g[i] < 0.0)
            )
        good = _newton(h, g, free, a, s)
        if good:
            length = 0.0
            for i in range(size):
                length += s[i] * s[i]
                good = good and low[k, i] <= x[k, i] + s[i] <= high[k, i]
            good = good and length <= radius[k] * radius[k]
        if not good:
            _bounded(x[k], g, h, low[k], high[k], radius[k], free, a, basis, push, part, s)
        promise[k] = max(_gain(g, h, s), 0.0)


@_compiled
def _gain(g: Any, h: Any, s: Any) -> Any:
    found = 0.0
    for i in range(s.size):
        bent = 0.0
        for j in range(s.size):
            bent += h[i, j] * s[j]
        found -= (g[i] + 0.5 * bent) * s[i]
    return found


@_compiled
def _newton(h: Any, g: Any, free: Any, low: Any, s: Any) -> Any:
    # Newton's step of what is free, by L D L'; whether it leads to a minimum
    size = g.size
    good = True
    for i in range(size):
        s[i] = -g[i] if free[i] else 0.0
        for j in range(i):
            rest = h[i, j] if free[i] and free[j] else 0.0
            for m in range(j):
                rest -= low[i, m] * low[j, m] * low[m, m]
            low[i, j] = rest / low[j, j]
        pivot = h[i, i] if free[i] else 1.0
        whole = abs(pivot)
        for j in range(i):
            pivot -= low[i, j] * low[i, j] * low[j, j]
        good = good and pivot > _FLAT * whole
        low[i, i] = pivot
        for j in range(i):
            s[i] -= low[i, j] * s[j]
    for i in range(size):
        s[i] /= low[i, i]
    for i in range(size - 1, -1, -1):
        for j in range(i + 1, size):
            s[i] -= low[j, i] * s[j]
    return good


@_compiled
def _bounded(
    x: Any, g: Any, h: Any, low: Any, high: Any, radius: Any, free: Any, a: Any, basis: Any,
    push: Any, part: Any, s: Any,
) -> None:  # fmt: skip
    # steps that bounds, the radius or a bend the wrong way make hard
    size = x.size
    for i in range(size):
        s[i] = 0.0
    for _ in range(size):
        gone = 0.0
        for i in range(size):
            gone += s[i] * s[i]
            push[i] = 0.0
            if free[i]:
                push[i] = g[i]
                for j in range(size):
                    push[i] += h[i, j] * s[j]
            for j in range(size):
                a[i, j] = h[i, j] if free[i] and free[j] else (1.0 if i == j else 0.0)
        _within(a, basis, push, max(radius - np.sqrt(gone), _LEFT * radius), part)
        share = 1.0
        for i in range(size):
            if free[i] and part[i] != 0.0:
                end = (high[i] if part[i] > 0.0 else low[i]) - x[i]
                share = min(share, (end - s[i]) / part[i])
        met = False
        for i in range(size):
            if free[i] and part[i] != 0.0:
                end = (high[i] if part[i] > 0.0 else low[i]) - x[i]
                if (end - s[i]) / part[i] <= share:
                    s[i] = end
                    free[i] = False
                    met = True
                else:
                    s[i] += share * part[i]
        if not met:
            break


@_compiled
def _axes(a: Any, basis: Any) -> None:
    # eigenvalues on the diagonal of a, eigenvectors in the columns of basis (Jacobi)
    size = a.shape[0]
    for i in range(size):
        for j in range(size):
            basis[i, j] = 1.0 if i == j else 0.0
    for _ in range(_SWEEPS):
        off = whole = 0.0
        for i in range(size):
            whole += a[i, i] * a[i, i]
            for j in range(i):
                off += a[i, j] * a[i, j]
        if off <= 1e-30 * whole:
            break
        for p in range(size - 1):
            for q in range(p + 1, size):
                if a[p, q] == 0.0:
                    continue
                theta = 0.5 * (a[q, q] - a[p, p]) / a[p, q]
                t = 1.0 / (abs(theta) + np.sqrt(theta * theta + 1.0))
                t = -t if theta < 0.0 else t
                c = 1.0 / np.sqrt(t * t + 1.0)
                w = t * c
                for m in range(size):
                    left, right = a[m, p], a[m, q]
                    a[m, p], a[m, q] = c * left - w * right, w * left + c * right
                for m in range(size):
                    left, right = a[p, m], a[q, m]
                    a[p, m], a[q, m] = c * left - w * right, w * left + c * right
                for m in range(size):
                    left, right = basis[m, p], basis[m, q]
                    basis[m, p], basis[m, q] = c * left - w * right, w * left + c * right


@_compiled
def _within(a: Any, basis: Any, g: Any, radius: Any, step: Any) -> None:
    # minimiser of a quadratic within a radius; a is used up
    size = g.size
    _axes(a, basis)
    least, most = a[0, 0], 1e-300
    for i in range(size):
        least, most = min(least, a[i, i]), max(most, abs(a[i, i]))
    floor = 1e-10 * most
    shift = max(0.0, floor - least)
    norm = far = 0.0
    turned, diagonal = np.zeros(size), np.empty(size)
    for i in range(size):
        diagonal[i] = a[i, i]
        for j in range(size):
            turned[i] += basis[j, i] * g[j]
    for i in range(size):
        norm += turned[i] * turned[i]
        far += (turned[i] / (diagonal[i] + shift)) ** 2
    if far > radius * radius:
        low, high = shift, np.sqrt(norm) / radius + floor + shift
        shift = np.sqrt(max(low, 1e-3 * high) * high)
        for _ in range(_TURNS):
            square = cube = 0.0
            for i in range(size):
                below = diagonal[i] + shift
                piece = (turned[i] / below) ** 2
                square += piece
                cube += piece / below
            if abs(np.sqrt(square) - radius) < _EXACT * radius:
                high = shift
                break
            if square > radius * radius:
                low = shift
            else:
                high = shift
            moved = shift + (np.sqrt(square) / radius - 1.0) * square / max(cube, 1e-300)
            shift = moved if low < moved < high else 0.5 * (low + high)
        shift = high
    for i in range(size):
        step[i] = 0.0
        for j in range(size):
            step[i] -= basis[i, j] * turned[j] / (diagonal[j] + shift)
