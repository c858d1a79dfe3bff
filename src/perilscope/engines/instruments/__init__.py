# SPDX-License-Identifier: Apache-2.0
"""What instruments are worth at given prices, exactly: arrays in, arrays out."""
