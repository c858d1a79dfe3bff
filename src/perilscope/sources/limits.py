# SPDX-License-Identifier: Apache-2.0
"""How large a file may be before it is read."""

MIB = 1 << 20
#: Largest file of prices, positions and logs, in bytes; also what an archive may unpack to.
DATA_LIMIT = 256 * MIB
