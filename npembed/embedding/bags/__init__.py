"""Bags: look several rows up at a time, and add them, average them, or take the largest entry of each column.

A bag is a handful of ids: the words of a sentence, the tokens of a label. With the 0/1 matrix A, ``A[b, j] = 1`` where the j-th id
is in bag b, and the one-hot matrix P of the ids, the sum is ``A @ P @ table``: a gather and a segment sum, without ever holding the
rows between. The gradient runs through the transposes: what bag b gets goes to each row in it.
"""

from .arguments import Bags, bags
from .pool import EMBEDDING_BAG, embedding_bag, embedding_bag_vjp

__all__ = ["EMBEDDING_BAG", "Bags", "bags", "embedding_bag", "embedding_bag_vjp"]
