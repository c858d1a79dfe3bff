"""Perilscope."""
