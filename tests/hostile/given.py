"""What the calls are given: tables and ids of every kind that NumPy allows, layers, a model."""

import hashlib
import warnings

import numpy as np

from npembed import Embedding, EmbeddingBag, RowSparse
from npembed.kge.datasets import Nations
from npembed.kge.models import ERModel


class Subclass(np.ndarray):
    """An array of a class of one's own."""


class World:
    """Everything that a call may want, made anew, always the same. Names that begin with ``_`` are not watched."""

    def __init__(self):
        rng = np.random.default_rng(2026)
        self.table = rng.normal(size=(6, 4))
        self.single = self.table.astype(np.float32)
        self.half = self.table.astype(np.float16)
        self.cplx = self.table + 1j * rng.normal(size=(6, 4))
        self.whole = np.arange(24).reshape(6, 4)
        self.longdouble = self.table.astype(np.longdouble)
        self.bools = self.table > 0
        self.empty = np.empty((0, 4))
        self.thin = np.empty((6, 0))
        self.column = self.table[:, 0].copy()
        self.cube = self.table.reshape(6, 2, 2).copy()
        self.g = rng.normal(size=(4, 4))
        self.ids = np.array([0, 2, 5, 2])
        self.gradient = RowSparse(np.array([1, 4]), rng.normal(size=(2, 4)), 6)
        self.dense = rng.normal(size=(6, 4))
        self._layouts(rng)
        self.shared = np.zeros((6, 4))  # its first numbers are also ids, seen as int64
        self.ids_within = self.shared.view(np.int64).reshape(-1)[:4]
        self.ids_within[:] = [0, 1, 3, 5]
        self.long = np.arange(40.0)
        self.front, self.back = self.long[:24].reshape(6, 4), self.long[16:40].reshape(6, 4)  # two tables that overlap
        self.nan_rows = self.table.copy()
        self.nan_rows[1, 2], self.nan_rows[3, 0], self.nan_rows[4] = np.nan, np.inf, -np.inf
        self.tiny = self.table * 1e-320  # subnormal
        self.huge = np.sign(self.table) * 1.5e308
        self.zeros = np.zeros((6, 4))
        self.layer = Embedding(6, 4, rng=0)
        self.frozen = Embedding.from_pretrained(self.table)
        self.short = Embedding(6, 4, max_norm=0.5, rng=0)
        self.bag = EmbeddingBag(6, 4, mode="sum", rng=0)
        rows = {"embedding_dim": 4}
        self.model, self.nan_model = (
            ERModel(
                triples_factory=Nations().training, interaction="transe", entity_representations_kwargs=rows,
                relation_representations_kwargs=rows, random_seed=0,
            )
            for _ in range(2)
        )  # fmt: skip
        self.nan_model.layers[0].weight[3, 0] = np.nan
        self.positives = np.array([[0, 1, 2], [3, 4, 5]])
        self.negatives = np.array([[[0, 1, 7]], [[9, 4, 5]]])

    def _layouts(self, rng):
        self._base = rng.normal(size=(12, 8))
        self.strided = self._base[::2, ::2]
        self.reversed = self._base[5::-1, 3::-1]
        self.fortran = np.asfortranarray(self._base[:6, :4])
        self.read_only = self.table.copy()
        self.read_only.flags.writeable = False
        self.repeated = np.broadcast_to(self._base[0, :4], (6, 4))  # a stride of zero
        self.sliding = np.lib.stride_tricks.as_strided(rng.normal(size=9), (6, 4), (8, 8))  # rows that share numbers
        raw = np.zeros(6 * 4 * 8 + 1, np.uint8)
        self.misaligned = raw[1:].view(np.float64).reshape(6, 4)
        self.misaligned[...] = self.table
        self.swapped = self.table.astype(self.table.dtype.newbyteorder())
        self.structured = np.zeros(6, [("x", np.float64), ("y", np.float64)])
        self.objects = self.table.astype(object)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            self.matrix = np.asmatrix(self.table.copy())
        self.masked = np.ma.array(self.table.copy(), mask=self.table > 1)
        self.subclass = self.table.copy().view(Subclass)

    def digests(self):
        """A hash of all numbers in each thing that is watched."""
        return {name: _digest(thing) for name, thing in vars(self).items() if not name.startswith("_")}


def _digest(thing):
    found = hashlib.sha256()
    for array in _arrays(thing):
        found.update(f"{array.dtype}{array.shape}{array.flags.writeable}".encode())
        found.update(repr(array.tolist()).encode() if array.dtype == object else array.tobytes())
    found.update(repr(getattr(thing, "rng", "")).encode())
    return found.hexdigest()


def _arrays(thing):
    """The arrays that make up a thing."""
    if isinstance(thing, np.ma.MaskedArray):
        return [thing.data, thing.mask]
    if isinstance(thing, np.ndarray):
        return [thing]
    if isinstance(thing, RowSparse):
        return [thing.rows, thing.values]
    if isinstance(thing, dict):
        return [np.asarray(value) for value in thing.values()]
    return [array for layer in getattr(thing, "layers", (thing,)) for array in (layer.weight, *_arrays_of(layer.grad))]


def _arrays_of(gradient):
    return () if gradient is None else _arrays(gradient)
