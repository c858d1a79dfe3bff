# SPDX-License-Identifier: Apache-2.0
"""Tests and scores of forecasts of VaR and CVaR: arrays (and a seed) in, a `Result` out.

Losses are positive; ``var`` and ``cvar`` are forecasts made before the loss was known; an exception
(a breach) is a loss strictly above VaR. A test that a series cannot bear (no exceptions where some
are needed) raises `AssessmentError` with the reason.
"""
