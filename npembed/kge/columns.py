"""The columns of a triple, said once."""

HEAD, RELATION, TAIL = 0, 1, 2

COLUMNS = ("head", "relation", "tail")
"""Their names, in this order."""
