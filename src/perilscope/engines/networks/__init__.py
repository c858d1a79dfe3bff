# SPDX-License-Identifier: Apache-2.0
"""Discrete Bayesian networks: inference, learning, draws, time."""
