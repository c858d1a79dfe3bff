# SPDX-License-Identifier: Apache-2.0
"""Runs the peers, in their own environment: a question a line on standard input, an answer back.

A question is ``{"case": name, ...}``, the answer ``{"seconds": ..., "var": [...], "cvar": [...]}``
or ``{"error": text}``. Seconds are this process's own clock around the peer's work, so that
imports and the pipe are not counted. Each peer is used as its own documentation does, with the
options that serve it best here.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import math
import sys
import time
import warnings
from typing import Any

LEVELS = (0.95, 0.99, 0.999)
PEERS = ("aggregate", "gemact", "pyfair", "pycrq", "pgmpy", "arch", "skfolio", "riskfolio-lib",
         "numpy", "scipy")  # fmt: skip


def _lognormal(row: dict[str, Any]) -> tuple[float, float]:
    from scipy.special import ndtri

    low, high = (math.log(x) for x in row["numbers"])
    return (low + high) / 2.0, (high - low) / (2.0 * float(ndtri(0.95)))


def aggregate(rows: list[dict[str, Any]], log2: int, step: float) -> dict[str, Any]:
    """A portfolio written in its language, on 2^log2 buckets, without allocations."""
    from aggregate import build

    program = ["port REGISTER"]
    for i, row in enumerate(rows):
        if row["law"] == "lognormal":
            mu, sigma = _lognormal(row)
            law = f"sev {math.exp(mu)!r} * lognorm {sigma!r}"
        else:
            low, mode, high = row["numbers"]
            a, b = 1 + 4 * (mode - low) / (high - low), 1 + 4 * (high - mode) / (high - low)
            law = f"sev {high - low!r} * beta {a!r} {b!r} + {low!r}"
        program.append(f"\tagg s{i} {row['rate']!r} claims {law} {row['counts']}")
    start = time.perf_counter()
    portfolio = build("\n".join(program), update=False)
    built = time.perf_counter()
    portfolio.update(log2=log2, bs=step, add_exa=False)
    done = time.perf_counter()
    return {
        "seconds": done - start,
        "update": done - built,
        "var": [float(portfolio.q(level)) for level in LEVELS],
        "cvar": [float(portfolio.tvar(level)) for level in LEVELS],
    }


def gemact(rate: float, mu: float, sigma: float, points: int, step: float) -> dict[str, Any]:
    """One Poisson-lognormal line by its transform."""
    from gemact import Frequency, LossModel, Severity

    start = time.perf_counter()
    model = LossModel(
        frequency=Frequency(dist="poisson", par={"mu": rate}),
        severity=Severity(dist="lognormal", par={"shape": sigma, "scale": math.exp(mu)}),
        aggr_loss_dist_method="fft",
        n_aggr_dist_nodes=points,
        sev_discr_step=step,
        n_sev_discr_nodes=points,
        sev_discr_method="localmoments",
    )
    var = [float(model.ppf(level)) for level in LEVELS]
    return {"seconds": time.perf_counter() - start, "var": var}


def pyfair(rows: list[dict[str, Any]], years: int, *, together: bool) -> dict[str, Any]:
    """One model a scenario, added up by its meta model, or by hand where ``together`` is false.

    Its own laws have no lognormal, so those losses are drawn before the clock starts.
    """
    import numpy as np
    from pyfair import FairMetaModel, FairModel

    rng = np.random.default_rng(1)
    drawn = {
        row["name"]: rng.lognormal(*_lognormal(row), years).tolist()
        for row in rows
        if row["law"] == "lognormal"
    }
    start = time.perf_counter()
    models = []
    for row in rows:
        model = FairModel(name=row["name"], n_simulations=years)
        model.input_data("Loss Event Frequency", constant=row["rate"])
        if row["law"] == "lognormal":
            model.input_raw_data("Loss Magnitude", drawn[row["name"]])
        else:
            low, mode, high = row["numbers"]
            model.input_data("Loss Magnitude", low=low, mode=mode, high=high)
        models.append(model)
    if together:
        meta = FairMetaModel("register", models)
        meta.calculate_all()
        total = meta.export_results()["Risk"].to_numpy()
    else:
        for model in models:
            model.calculate_all()
        total = sum(model.export_results()["Risk"].to_numpy() for model in models)
    found = [float(np.quantile(total, level)) for level in LEVELS]
    return {"seconds": time.perf_counter() - start, **_tails(total, found)}


def pycrq(rows: list[dict[str, Any]], years: int) -> dict[str, Any]:
    """A risk register of scenarios, simulated and added up."""
    import numpy as np
    from pycrq import distributions, ontology, simulation

    start = time.perf_counter()
    scenarios = []
    for row in rows:
        if row["law"] == "lognormal":
            mu, sigma = _lognormal(row)
            loss = distributions.LogNormalDistribution(mu, sigma)
        else:
            loss = distributions.PERTDistribution(*row["numbers"])
        scenarios.append(
            ontology.FAIRScenario(
                name=row["name"],
                asset=ontology.Asset(name="firm"),
                threat_agent=ontology.ThreatAgent(name="anyone"),
                frequency_factors=ontology.FrequencyFactors(
                    lef=distributions.ConstantDistribution(row["rate"])
                ),
                loss_magnitude_factors=ontology.LossMagnitudeFactors(primary_loss=loss),
            )
        )
    register = ontology.RiskRegister(name="register", scenarios=scenarios)
    simulator = simulation.FAIRSimulator(n_simulations=years, seed=1)
    total = simulator.simulate_register(register).aggregate_ale
    found = [float(np.quantile(total, level)) for level in LEVELS]
    return {"seconds": time.perf_counter() - start, **_tails(total, found)}


_NETWORKS: dict[str, Any] = {}


def pgmpy(name: str, nodes: list[dict[str, Any]], seen: dict[str, int]) -> dict[str, Any]:
    """Every marginal of a network by variable elimination; the network is built once."""
    import numpy as np
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import VariableElimination
    from pgmpy.models import DiscreteBayesianNetwork

    if name not in _NETWORKS:
        model = DiscreteBayesianNetwork()
        model.add_nodes_from([node["name"] for node in nodes])
        model.add_edges_from([(p, node["name"]) for node in nodes for p in node["parents"]])
        sizes = {node["name"]: node["states"] for node in nodes}
        for node in nodes:
            values = np.array(node["table"]).reshape(-1, node["states"]).T
            above = [sizes[p] for p in node["parents"]]
            model.add_cpds(
                TabularCPD(
                    node["name"], node["states"], values, node["parents"] or None, above or None
                )
            )
        _NETWORKS[name] = VariableElimination(model)
    engine = _NETWORKS[name]
    start = time.perf_counter()
    found = {
        node["name"]: engine.query([node["name"]], seen, show_progress=False).values.tolist()
        for node in nodes
        if node["name"] not in seen
    }
    return {"seconds": time.perf_counter() - start, "marginals": found}


def arch(windows: list[list[float]]) -> dict[str, Any]:
    """GARCH(1,1) of each window, the variance of the next day and the worst residuals."""
    import numpy as np
    from arch import arch_model

    start = time.perf_counter()
    for window in windows:
        model = arch_model(np.array(window), mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
        fit = model.fit(disp="off", show_warning=False)
        ahead = fit.forecast(horizon=1, reindex=False).variance.to_numpy()[-1, 0]
        np.sqrt(ahead) * np.sort(fit.std_resid)[:15]
    return {"seconds": time.perf_counter() - start}


def historical(peer: str, days: int, assets: int, level: float, again: int) -> dict[str, Any]:
    """VaR and CVaR of every column of the same table as ours; the middle of so many rounds."""
    import numpy as np

    table = 0.03 * np.random.default_rng(1).standard_t(4, (days, assets))
    if peer == "skfolio":  # takes a table at once
        from skfolio.measures import cvar, value_at_risk

        def once() -> tuple[Any, Any]:
            return value_at_risk(table, level), cvar(table, level)

    else:
        from riskfolio.src.RiskFunctions import CVaR_Hist, VaR_Hist

        def once() -> tuple[Any, Any]:
            return (
                [VaR_Hist(table[:, k], 1.0 - level) for k in range(assets)],
                [CVaR_Hist(table[:, k], 1.0 - level) for k in range(assets)],
            )

    once()
    seconds = []
    for _ in range(again):
        start = time.perf_counter()
        var, tail = once()
        seconds.append(time.perf_counter() - start)
    told = {"var": np.ravel(var).tolist(), "cvar": np.ravel(tail).tolist()}
    return {"seconds": sorted(seconds)[again // 2], **told}


def versions() -> dict[str, Any]:
    """Which versions stand here."""
    found = {}
    for name in PEERS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return {"seconds": 0.0, "versions": found}


def _tails(total: Any, var: list[float]) -> dict[str, Any]:
    return {"var": var, "cvar": [float(total[total >= v].mean()) for v in var]}


CASES = {
    "aggregate": aggregate,
    "gemact": gemact,
    "pyfair": pyfair,
    "pycrq": pycrq,
    "pgmpy": pgmpy,
    "arch": arch,
    "historical": historical,
    "versions": versions,
}


def main() -> None:
    warnings.simplefilter("ignore")
    answers = sys.stdout
    for line in sys.stdin:
        question = json.loads(line)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answer: dict[str, Any] = CASES[question.pop("case")](**question)
        except Exception as error:  # the other side leaves it out
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
