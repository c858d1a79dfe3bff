# SPDX-License-Identifier: Apache-2.0
"""From what happened to what is believed: conjugate updates, each with what every event moved."""
