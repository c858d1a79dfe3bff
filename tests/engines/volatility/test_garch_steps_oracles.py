# SPDX-License-Identifier: Apache-2.0
"""Compiled steps of a search against the plain ones, and against what any step may promise."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.volatility.garch_forms import Form
from perilscope.engines.volatility.garch_search import accepted, boxed_step

compiled = pytest.importorskip(
    "perilscope.engines.volatility.garch_steps", reason="numba is not installed"
)


def problems(size: int, box: float) -> tuple[np.ndarray, ...]:
    """Quadratics, half of them not convex, in boxes whose edges some variables lie at."""
    rng, count = np.random.default_rng(size), 600
    x = rng.uniform(-1.0, 1.0, (count, size))
    at_edge = rng.random((2, count, size)) < 0.15
    low = np.where(at_edge[0], x, -1.0 - box * rng.random((count, size)))
    high = np.where(at_edge[1], x, 1.0 + box * rng.random((count, size)))
    slope = rng.standard_normal((count, size)) * 10 ** rng.uniform(-2, 1, (count, 1))
    bend = rng.standard_normal((count, size, size))
    bend = bend @ bend.transpose(0, 2, 1) + 0.1 * np.eye(size)
    bend[::2] -= 3.0 * rng.random((count // 2, 1, 1)) * np.eye(size)
    return x, slope, bend, low, high, 10 ** rng.uniform(-2, 1, count)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_steps_are_allowed_and_promise_what_they_say(size: int) -> None:
    x, slope, bend, low, high, radius = problems(size, 1.0)
    step, promise = compiled.boxed_step(x, slope, bend, low, high, radius)
    assert ((x + step >= low - 1e-12) & (x + step <= high + 1e-12)).all()
    assert (np.sqrt((step**2).sum(axis=1)) <= radius * (1.0 + 1e-5) * np.sqrt(size)).all()
    told = -(slope * step).sum(axis=1) - 0.5 * np.einsum("ki,kij,kj->k", step, bend, step)
    assert promise == pytest.approx(np.maximum(told, 0.0), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_where_a_plain_newton_step_will_do_both_are_the_same(size: int) -> None:
    x, slope, bend, low, high, _ = problems(size, 1.0)
    bend[::2] = bend[1::2]
    wide = np.full(len(x), 1e6)
    ends = np.full_like(x, 1e6)
    for some in ((-ends, ends), (low, high)):
        plain = boxed_step(x, slope, bend, *some, wide)
        fast = compiled.boxed_step(x, slope, bend, *some, wide)
        assert fast[0] == pytest.approx(plain[0], rel=1e-7, abs=1e-9)
        assert fast[1] == pytest.approx(plain[1], rel=1e-7, abs=1e-9)


def test_within_a_radius_no_step_promises_more() -> None:
    x, slope, bend, _, _, radius = problems(4, 1.0)
    far = np.full_like(x, 1e6)
    _, promise = compiled.boxed_step(x, slope, bend, -far, far, radius)
    rng = np.random.default_rng(9)
    for _ in range(300):  # any other step of that length
        other = rng.standard_normal(x.shape)
        other *= (radius / np.sqrt((other**2).sum(axis=1)))[:, None]
        told = -(slope * other).sum(axis=1) - 0.5 * np.einsum("ki,kij,kj->k", other, bend, other)
        assert (promise >= told * (1.0 - 1e-6) - 1e-12).all()


def test_two_bounds_at_once_do_not_throw_a_step_back() -> None:
    """The minimum of a quadratic in a box that Newton's step leaves by two sides."""
    slope, low, high = np.array([[1.0, -4.0]]), np.array([[-1.0, -1.0]]), np.array([[1.0, 0.5]])
    bend = np.array([[[1.0, 1.5], [1.5, 4.0]]])
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 401), np.linspace(-1, 0.5, 301)), axis=-1)
    told = grid @ slope[0] + 0.5 * np.einsum("abi,ij,abj->ab", grid, bend[0], grid)
    for way in (boxed_step, compiled.boxed_step):
        step, promise = way(np.zeros((1, 2)), slope, bend, low, high, np.full(1, 10.0))
        assert promise[0] == pytest.approx(-told.min(), rel=1e-9)
        assert step[0] == pytest.approx(grid.reshape(-1, 2)[np.argmin(told)], abs=1e-9)


@pytest.mark.parametrize(("kind", "student"), [(k, s) for k in ("garch", "gjr") for s in (0, 1)])
def test_derivatives_are_carried_over_as_by_numpy(kind: str, student: int) -> None:
    form, rng, count = Form(kind, bool(student)), np.random.default_rng(3), 40
    low, high = 0.1, 0.9
    x = rng.uniform(low, high, (count, form.size))
    if student:
        x[:, -1] = rng.uniform(0.05, 0.4, count)
    variance = rng.uniform(0.5, 2.0, count)
    natural = form.natural(x, np.zeros(count), variance)
    slope, bend = rng.standard_normal((count, 6)), rng.standard_normal((count, 6, 6))
    bend = bend + bend.transpose(0, 2, 1)
    plain = form.pulled(x, natural, variance, slope, bend)
    fast = compiled.pulled(x, natural, variance, slope, bend, form.skew, form.student)
    assert fast[0] == pytest.approx(plain[0], rel=1e-12, abs=1e-12)
    assert fast[1] == pytest.approx(plain[1], rel=1e-12, abs=1e-12)


def test_what_is_accepted_is_what_numpy_accepts() -> None:
    rng, count, size = np.random.default_rng(4), 500, 5
    value, gain = rng.uniform(0, 1000, count), 10.0 ** rng.uniform(-14, 1, count)
    there = value - gain * rng.uniform(-1.0, 1.5, count)
    there[::50] = np.nan
    known = [
        rng.standard_normal((count, size)),
        value,
        rng.standard_normal((count, size)),
        rng.standard_normal((count, size, size)),
        10.0 ** rng.uniform(-6, 1, count),
    ]
    step = rng.standard_normal((count, size)) * known[4][:, None] / 2.5
    new = rng.standard_normal((count, size)), there, known[2] + 1.0, known[3] + 1.0
    one, other = [k.copy() for k in known], [k.copy() for k in known]
    accepted(*one, step, gain, *new)
    compiled.accepted(*other, step, gain, *new)
    assert 100 < (one[1] != value).sum() < 400
    for a, b in zip(one[:4], other[:4], strict=True):
        assert np.array_equal(a, b)
    assert one[4] == pytest.approx(other[4], rel=1e-14)
