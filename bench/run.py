# SPDX-License-Identifier: Apache-2.0
"""Time what matters, against floors and against peers, in one interleaved run.

    make bench

Each case is run in turn with the others, several times round, so that a busy moment hits all of
them; medians and ratios are printed. Nothing here is a test.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from perilscope.engines.compound import Compound
from perilscope.engines.counts import Poisson
from perilscope.engines.distributions import Lognormal
from perilscope.engines.register import Register
from perilscope.engines.simulation import simulate

ROUNDS = 7
YEARS = 131_072
EXAMPLE = Path(__file__).parents[1] / "examples" / "hedge-fund"


def register(count: int = 20) -> list[Compound]:
    """A register like a real one: rates 0.02 to 3 a year, losses over four orders of size."""
    rng = np.random.default_rng(20)
    rates = np.geomspace(3.0, 0.02, count)
    medians = np.geomspace(2e3, 2e6, count) * rng.uniform(0.7, 1.4, count)

    def line(i: int) -> Compound:
        rate, severity = float(rates[i]), Lognormal(float(np.log(medians[i])), 1.2)
        return Compound(f"s{i}", lambda _t, years: (Poisson(rate * years), severity))

    return [line(i) for i in range(count)]


def numpy_simulation(lines: list[Compound], years: int) -> float:
    """The peer most people write: counts per year, losses per event, added by year."""
    rng = np.random.default_rng(1)
    total = np.zeros(years)
    for line in lines:
        counts, severity = line.build((), 1.0)
        n = rng.poisson(counts.mean, years)
        losses = rng.lognormal(severity.mu, severity.sigma, int(n.sum()))
        total += np.bincount(np.repeat(np.arange(years), n), losses, years)
    return float(np.quantile(total, 0.99))


def aggregate_like_fft(lines: list[Compound], points: int) -> float:
    """A plain FFT with rounding and no tilt, the usual textbook way, for the same range."""
    law = Register(lines).law()
    step = law.step * law.points / points
    edges = (np.arange(points) + 0.5) * step
    product = np.ones(points // 2 + 1, dtype=complex)
    for line in lines:
        counts, severity = line.build((), 1.0)
        cdf = np.asarray(severity.cdf(edges))
        mass = np.diff(np.concatenate([[0.0], cdf]))
        product *= np.exp(counts.mean * (np.fft.rfft(mass) - 1.0))
    cumulative = np.cumsum(np.fft.irfft(product, points))
    return float(np.searchsorted(cumulative, 0.99)) * step


def floor_random() -> None:
    """The floor of any simulation of this register: one normal per event, nothing else."""
    rng = np.random.Generator(np.random.Philox(1))
    events = int(sum(line.build((), 1.0)[0].mean for line in register()) * YEARS)
    rng.standard_normal(events)


def floor_fft() -> None:
    """The floor of the exact law: the transforms of 20 scenarios on its grid and one back."""
    mass = np.zeros(1 << 15)
    for _ in range(20):
        np.fft.rfft(mass)
    np.fft.irfft(np.zeros((1 << 14) + 1, dtype=complex))


def command(*arguments: str) -> Callable[[], None]:
    def call() -> None:
        subprocess.run(
            [sys.executable, "-m", "perilscope", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    return call


def cases(out: str) -> dict[str, Callable[[], object]]:
    lines = register()
    base = Register(lines)
    base.law().var(0.99)
    what_if = [Compound("s3", lambda _t, years: (Poisson(0.2 * years), Lognormal(9.0, 1.2)))]
    return {
        "exact law, 20 scenarios, cold, with its error": lambda: Register(lines).law().error[0.99],
        "exact law, 20 scenarios, cold": lambda: Register(lines).law().var(0.99),
        "what-if on one scenario": lambda: base.with_(what_if).law().var(0.99),
        "plain FFT with rounding, 65,536 points": lambda: aggregate_like_fft(lines, 65_536),
        "floor: its transforms": floor_fft,
        f"simulation, {YEARS:,} years": lambda: simulate(lines, (), {}, draws=YEARS, seed=1),
        f"plain NumPy simulation, {YEARS:,} years": lambda: numpy_simulation(lines, YEARS),
        "floor: one normal per event": floor_random,
        "perilscope --help": command("--help"),
        "run of the example, exact": command(
            "run", str(EXAMPLE), "--engine", "exact", "--quiet", "--out", out
        ),
        "run of the example, both engines": command("run", str(EXAMPLE), "--quiet", "--out", out),
    }


def peers() -> dict[str, Callable[[], object]]:
    """Other libraries, where they are installed."""
    found: dict[str, Callable[[], object]] = {}
    try:
        import pyagrum  # noqa: F401
    except ImportError:
        return found
    from perilscope.engines import agrum, elimination

    nodes = [elimination.Node("n0", ("no", "yes"), (), np.array([0.9, 0.1]))]
    for i in range(1, 30):
        table = np.array([[0.95, 0.05], [0.4, 0.6]])
        nodes.append(elimination.Node(f"n{i}", ("no", "yes"), (f"n{(i - 1) // 2}",), table))
    network = elimination.Network(tuple(nodes))
    found["network of 30 nodes, all marginals"] = lambda: elimination.marginals(network, {})
    found["the same by pyAgrum"] = lambda: agrum.marginals(network, {})
    return found


def main() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as out:
        todo = {**cases(out), **peers()}
        times: dict[str, list[float]] = {name: [] for name in todo}
        for turn in range(ROUNDS + 1):
            for name, case in todo.items():
                start = time.perf_counter()
                case()
                if turn:
                    times[name].append(time.perf_counter() - start)
    print(f"{'median of ' + str(ROUNDS):>14}   {'range':>17}   case")
    for name, taken in times.items():
        middle = statistics.median(taken) * 1e3
        low, high = min(taken) * 1e3, max(taken) * 1e3
        print(f"{middle:11.2f} ms   {low:7.2f} .. {high:7.2f}   {name}")
    for name, base in RATIOS.items():
        if name in times and base in times:
            ratio = statistics.median(times[base]) / statistics.median(times[name])
            print(f"{ratio:11.2f} x  {base}  /  {name}")


RATIOS = {
    "exact law, 20 scenarios, cold": "plain FFT with rounding, 65,536 points",
    "floor: its transforms": "exact law, 20 scenarios, cold",
    f"simulation, {YEARS:,} years": f"plain NumPy simulation, {YEARS:,} years",
    "floor: one normal per event": f"simulation, {YEARS:,} years",
    "the same by pyAgrum": "network of 30 nodes, all marginals",
}

if __name__ == "__main__":
    main()
