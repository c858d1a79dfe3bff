# SPDX-License-Identifier: Apache-2.0
"""What a search does between likelihoods, compiled: twins of parts of `garch_search`.

Of thousands of searches side by side, without the interpreter's lock, so that threads help. The
functions that Numba sees call nothing outside this file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perilscope.engines.jit import compiled
from perilscope.engines.volatility.garch_forms import Array

_FLAT, _LEFT = 1e-10, 1e-3
_TURNS = 60
_EXACT = 1e-6
_SWEEPS = 12
_ROUNDING = 1e-13  # as in `garch_search`
_SHIFT = 1e-3  # as in `garch_forms`
_compiled = compiled()


def boxed_step(
    x: Array, slope: Array, bend: Array, low: Array, high: Array, radius: Array
) -> tuple[Array, Array]:
    """As `garch_search.boxed_step`."""
    step, promise = np.empty_like(x), np.empty(len(x))
    _steps(x, slope, bend, low, high, radius, step, promise)
    return step, promise


def pulled(
    x: Array,
    natural: Array,
    variance: Array,
    slope: Array,
    bend: Array,
    skew: bool,
    student: bool,
) -> tuple[Array, Array]:
    """As `garch_forms.Form.pulled`, of GARCH and GJR."""
    grad, hess = np.empty_like(x), np.empty((*x.shape, x.shape[1]))
    _pulled(x, natural, variance, slope, bend, skew, student, grad, hess)
    return grad, hess


@_compiled
def _pulled(
    x: Any, natural: Any, variance: Any, slope: Any, bend: Any, skew: bool, student: bool,
    grad: Any, hess: Any,
) -> None:  # fmt: skip
    size = x.shape[1]
    slots = np.array([0, 1, 2, 3, 4, 5]) if skew else np.array([0, 1, 2, 4, 5, 5])
    b = 4 if skew else 3  # where beta stands
    J, half = np.zeros((size, size)), np.empty((size, size))
    if student:
        J[size - 1, size - 1] = 1.0
    for k in range(x.shape[0]):
        g, h, out = slope[k], bend[k], hess[k]
        p, s = x[k, 2], x[k, 3]
        moved = natural[k, 1] + _SHIFT * variance[k]
        J[0, 0], J[1, 1] = np.sqrt(variance[k]), moved
        J[b, 2], J[b, 3] = 1.0 - s, -p
        if skew:
            q = x[k, 4]
            J[2, 2], J[2, 3], J[2, 4] = 2.0 * s * q, 2.0 * p * q, 2.0 * p * s
            J[3, 2], J[3, 3] = 2.0 * s * (1.0 - q), 2.0 * p * (1.0 - q)
            J[3, 4] = -2.0 * p * s
        else:
            J[2, 2], J[2, 3] = s, p
        for i in range(size):
            grad[k, i] = 0.0
            for m in range(size):
                grad[k, i] += J[m, i] * g[slots[m]]
                half[m, i] = 0.0
                for n in range(size):
                    half[m, i] += h[slots[m], slots[n]] * J[n, i]
        for i in range(size):
            for j in range(i + 1):
                found = 0.0
                for m in range(size):
                    found += J[m, i] * half[m, j]
                out[i, j] = out[j, i] = found
        out[1, 1] += g[1] * moved
        cross = g[2] - g[4]  # both parameters are products of two variables
        if skew:
            cross = 2.0 * q * g[2] + 2.0 * (1.0 - q) * g[3] - g[4]
            tilt = 2.0 * (g[2] - g[3])
            out[2, 4] += tilt * s
            out[4, 2] += tilt * s
            out[3, 4] += tilt * p
            out[4, 3] += tilt * p
        out[2, 3] += cross
        out[3, 2] += cross


@_compiled
def accepted(
    x: Any, value: Any, slope: Any, bend: Any, radius: Any, step: Any, gain: Any, tried: Any,
    value_there: Any, slope_there: Any, bend_there: Any,
) -> None:  # fmt: skip
    """As `garch_search.accepted`."""
    size = x.shape[1]
    for k in range(x.shape[0]):
        norm = 0.0
        for i in range(size):
            norm += step[k, i] * step[k, i]
        norm = np.sqrt(norm)
        noise = _ROUNDING * (abs(value[k]) + 1.0)
        small = gain[k] < 1e3 * noise
        fall = value[k] - value_there[k]
        good = fall > (-noise if small else 1e-4 * gain[k])
        ratio = fall / max(gain[k], 1e-300) if good else 0.0
        if ratio < 0.25:
            radius[k] = 0.25 * norm
        elif ratio > 0.75 and norm > 0.9 * radius[k]:
            radius[k] *= 2.0
        if good:
            if small:
                radius[k] = max(radius[k], 1e-3)
            value[k] = value_there[k]
            for i in range(size):
                x[k, i], slope[k, i] = tried[k, i], slope_there[k, i]
                for j in range(size):
                    bend[k, i, j] = bend_there[k, i, j]


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
        good = _newton(h, g, free, a, s) and _square(s) <= radius[k] * radius[k]
        for i in range(size):
            good = good and low[k, i] <= x[k, i] + s[i] <= high[k, i]
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
def _square(s: Any) -> Any:
    found = 0.0
    for i in range(s.size):
        found += s[i] * s[i]
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
        for i in range(size):
            push[i] = 0.0
            if free[i]:
                push[i] = g[i]
                for j in range(size):
                    push[i] += h[i, j] * s[j]
            for j in range(size):
                a[i, j] = h[i, j] if free[i] and free[j] else (1.0 if i == j else 0.0)
        left = max(radius - np.sqrt(_square(s)), _LEFT * radius)
        if not _newton(h, push, free, basis, part) or _square(part) > left * left:
            _within(a, basis, push, left, part)
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
