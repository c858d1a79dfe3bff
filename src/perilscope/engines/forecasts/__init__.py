# SPDX-License-Identifier: Apache-2.0
"""Market models: fitted to a history, each gives a law of the loss to come."""
