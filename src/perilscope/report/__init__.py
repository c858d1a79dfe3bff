# SPDX-License-Identifier: Apache-2.0
"""Results as people read them: the summary on a screen, the register, the report, the charts.

Everything here is drawn from one value, the run document (``run.json``), whose shape is
committed in ``run_schema.json``. Nothing here computes a risk; it only says what was computed.
"""
