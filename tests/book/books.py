# SPDX-License-Identifier: Apache-2.0
"""A whole small book for the tests, with its network file; everything a book can hold is in it."""

from __future__ import annotations

BOOK = """\
# A fund that does not exist.
title: Harbour Street, first quarter
institution:
  {name: Harbour Street, kind: hedge fund, net_assets: {value: 60M, source: audit, on: 2026-09-30},
   people: 25, transactions_per_year: 120k, withdrawals_per_year: 4k}
currency: USD
as_of: 2026-11-20
horizon: 1 year
discount_rate: 4 % per year
tokens:
  ETH: coin
  stETH: {kind: coin, issuer: lido}
  1INCH: {kind: other, price: 0.4}
  USDC.e: {kind: stablecoin, peg: USD}
market: {drift: 3 % per year, default: student-t, stale_after_days: 3}
positions: data/positions.csv
prices: data/prices
incidents: data/incidents.csv
tests: data/tests.csv
observed_since: 2024-01-01
experts:
  mara: {name: Mara K., role: head of security, calibrated: 2026-05}
venues:
  kraken: {kind: exchange, holds: 4.1M to 5M, review: every 6 months, withdrawal: 2 a day}
  vault:  {kind: custodian, holds: 50M, segregated: yes, depends_on: [kraken]}
  lido:   {kind: issuer}
assets:
  hot-wallet: {kind: wallet, chain: ethereum, holds: {ETH: 1200, stETH: "10 stETH"}, worth: 5M}
  keys: {kind: credentials, protects: [hot-wallet], worth: through what they protect}
  models: {kind: intellectual property, worth: {replacement: 1.1M, revenue: 600k to 2M}}
  clients-data:
    kind: customer data
    belongs_to: clients
    liable: 40 %
    worth: {value: "pert(100k, 300k, 1M)", source: counsel, grade: guess}
    depends_on: [vault, ETH]
    tags: [gdpr, "2026"]
    note: |
      Two lines
      of text.
protocols:
  pool: {deposit: 2M DAI, earns: 6 % per year, audits: 3, live_for: 18 months, admin: single key,
         timelock: none, tvl: 400M, oracle: twap, upgradeable: yes, lines_of_code: 4k, bounty: 250k,
         unaudited_change: no, depends_on: [lido]}
threats:
  phisher: {actor: organised crime, motive: theft, capability: high}
vulnerabilities:
  weak-approval: {where: payments, known_by: test, references: [CWE-306], asset: hot-wallet}
scenarios:
  phished:
    story: 'A manager''s click ends in a transfer.'
    asset: hot-wallet
    threat: phisher
    vulnerability: weak-approval
    frequency:
      threat_event_frequency:
        contact_frequency: {value: 2 per week, by: mara, on: 2026-10-01, grade: own data}
        probability_of_action: belief(beta(2, 38))
      susceptibility: from staff.click
    counts: negative-binomial(2)
    magnitude:
      primary: {response: 50k, replacement: "pert(50k, 400k, 1.55M)"}
      secondary: {probability: 1 in 4, magnitude: {fines_and_judgements: 2M}}
      at_most: hot-wallet
    refilled: yes
    source: interviews
    by: mara
    on: 2026-09-01
    grade: expert
  skilled:
    asset: clients-data
    threat: phisher
    frequency:
      threat_event_frequency: belief(gamma(mean=4, sd=2)) per year
      vulnerability: {threat_capability: "beta(2, 3)", resistance_strength: "beta(5, 2)"}
    magnitude: lognormal(median=belief(pert(300k, 400k, 600k)), p95=2.5M)
  pool-exploit: {asset: pool, frequency: from pool.exploited, magnitude: "80 % to 100 % of pool"}
  halt: {asset: kraken, frequency: from staff.training = none, counts: at most one a year,
         magnitude: "discrete(0: 50 %, 1M: 50 %)"}
  slip: {asset: positions, frequency: 3 per month, magnitude: 120 ETH, grade: own data}
no_scenario:
  - {asset: vault, threat: phisher, by: mara, on: 2026-10-10, why: no access from here}
controls:
  training: {costs: {once: 30k, per_year: 12k, life: 3 years}, sure: 40 % to 70 %,
             cuts: {phished: [60 % of vulnerability, 10 % of primary]}, owner: mara}
  limits-at-kraken: {state: in place, costs: 5k per month, caps: {kraken: 2M},
             cuts: [{scenario: halt, factor: magnitude, by: 25 %}]}
networks: [models/staff.yaml]
limits:
  - {measure: expected loss per year, at_most: 600k, warn_at: 75 %, owner: board}
  - {measure: mean loss beyond a 1-in-200 year, at_most: 10 % of net_assets}
  - {measure: 10-day VaR 99 %, at_most: 2M, scope: trading}
  - {measure: chance of losing more than 5M in a year, at_most: 1 in 50}
review: {every: 3 months, next: 2027-02-01, owner: mara}
"""

STAFF = """\
id: staff
period: 1 year
note: from training to click
nodes:
  training: {states: [good, none], table: {good: 70 %, none: 30 %}, means: state now}
  filter: {table: [0.1, 0.9], asks: Is mail filtered?}
  click:
    parents: [training, filter]
    table:
      good: {no: [0.9, 0.1], yes: [0.98, 0.02]}
      none: {no: {no: 60 %, yes: 40 %}, yes: [0.9, 0.1]}
shocks: {click: {yes: {ETH: -3 %}}}
"""


def read(name: str) -> bytes:
    """Return the network file of the book."""
    assert name == "models/staff.yaml"
    return STAFF.encode()
