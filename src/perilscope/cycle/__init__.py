# SPDX-License-Identifier: Apache-2.0
"""The six steps of the operating cycle, from a book on disk to a run document."""
