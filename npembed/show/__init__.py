"""Experiments that show one thing each, verified before they are believed. `norm` is behind ``npembed show norm``."""

from .norm import check_settings, norm

__all__ = ["check_settings", "norm"]
