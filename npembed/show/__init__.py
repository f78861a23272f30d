"""Experiments that show one thing each, verified before they are believed. `norm` is behind ``npembed show norm``."""

from .norm import norm

__all__ = ["norm"]
