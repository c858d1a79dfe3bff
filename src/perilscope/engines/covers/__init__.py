# SPDX-License-Identifier: Apache-2.0
"""What covers pay, and what is left."""
