# SPDX-License-Identifier: Apache-2.0
"""``python -m perilscope.sources.compile_simulation FOLDER`` keeps the simulation's machine code.

It draws a few horizons in each way there is, which compiles what any simulation asks for.
"""

from __future__ import annotations

import sys
from pathlib import Path

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Binomial, CountLaw, Poisson
from perilscope.engines.laws.distributions import Beta, Constant, Distribution, Uniform
from perilscope.engines.machine_code import keep
from perilscope.engines.simulation.simulation import simulate
from perilscope.sources.machine import READY


def main(folder: str) -> None:
    """Compile into a folder, and say there when it is done."""

    def line(key: str, counts: CountLaw, loss: Distribution) -> Compound:
        return Compound(key, lambda _theta, _years: (counts, loss))

    rate = Beta.pert(0.5, 1.0, 2.0)
    believed = Compound("c", lambda theta, _: (Poisson(theta[0]), Constant(1.0)), (rate,))
    lines = [line("a", Poisson(1.0), Uniform(1, 2)), line("b", Binomial(1, 0.1), Constant(1.0))]
    keep(lambda: folder)
    # no folder is named here, so that this process starts no other
    simulate([*lines, believed], draws=1, seed=1, backend="numba", tally=True)
    (Path(folder) / READY).touch()


if __name__ == "__main__":
    main(sys.argv[1])
