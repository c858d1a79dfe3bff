# SPDX-License-Identifier: Apache-2.0
"""Exponentials and logarithms of complex numbers, of which transforms of sums are made."""

from __future__ import annotations

from typing import Any

import numpy as np


def exponential(z: Any) -> Any:
    """exp(z), real or complex, any shape.

    Notes
    -----
    exp(x + iy) = exp(x) (1 + it)² / (1 + t²) with t = tan(y / 2): processors make tangents and real
    exponentials as vectors, sines and complex exponentials one by one. The error is a rounding or
    two of the result's size.

    Examples
    --------
    >>> z = np.array([0.5 + 2.0j, -1.0 + np.pi * 1j])
    >>> bool(np.abs(exponential(z) - np.exp(z)).max() < 1e-15)
    True
    """
    if not np.iscomplexobj(z) or np.ndim(z) == 0:
        return np.exp(z)
    t = np.tan(0.5 * z.imag)
    square = t * t
    square += 1.0
    size = np.exp(z.real)
    size /= square
    found = np.empty(np.shape(z), dtype=np.complex128)
    np.multiply(size, 2.0 - square, out=found.real)
    size *= t
    np.multiply(size, 2.0, out=found.imag)
    return found


def log_beside_one(x: Any) -> Any:
    """log(1 + x), real or complex, with no digits lost where x is small.

    Multiplied by many chances or a large size, the rounding of 1 + x would show.

    Examples
    --------
    >>> complex(log_beside_one(1e-20 + 1e-8j)).real  # of x - x² / 2
    5.0010000000000004e-17
    """
    with np.errstate(divide="ignore"):  # nothing left is minus infinity
        if not np.iscomplexobj(x):
            return np.log1p(x)
        re, im = np.real(x), np.imag(x)
        found = np.empty(np.shape(x), dtype=np.complex128)
        found.real = 0.5 * np.log1p(re * (2.0 + re) + im * im)
        found.imag = np.arctan2(im, 1.0 + re)
        return found
