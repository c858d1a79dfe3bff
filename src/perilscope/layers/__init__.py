# SPDX-License-Identifier: Apache-2.0
"""From beliefs and observations to losses: operational, protocol and market, and the enterprise.

``drivers`` turns declared networks and evidence into the joint law of the nodes that drive losses.
The three layers stand on it and do not know each other; ``enterprise`` joins them.
"""
