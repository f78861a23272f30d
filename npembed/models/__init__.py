"""`ERModel`: entity and relation layers and an interaction, under PyKEEN's names; and presets of it, by name."""

from .er_model import ERModel

__all__ = ["ERModel"]
