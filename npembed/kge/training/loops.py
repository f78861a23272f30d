"""The two ways of training: what an epoch goes through, what a batch of it holds, and what that costs.

sLCWA goes through triples, and compares each with corrupted ones that are drawn. LCWA (local closed world assumption: what is not
known to be true counts as false) goes through pairs, such as (head, relation), and compares all candidates for what is missing.
"""

import numpy as np

from ... import check
from ...op import resolve
from ..batch import PAIRS
from ..samplers import SAMPLERS, bernoulli_probabilities, index_triples, keep_mask


@check.public
class SLCWA:
    """Batches of triples, with corrupted ones drawn for each.

    Parameters
    ----------
    model : ERModel
    triples : int64 (n, 3)
    num_negatives : int, K >= 1
    sampler : "basic" or "bernoulli"
    filtered : bool
        Whether corrupted triples that are among `triples` are left out. They are not drawn anew, so a batch then has fewer.

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import transe
    >>> from npembed.numerics.random import generator
    >>> nations = Nations().training
    >>> loop = SLCWA(transe(nations, random_seed=0), nations.mapped_triples, num_negatives=3, filtered=True)
    >>> positives, negatives, keep = loop.batch(generator(0), np.arange(256))
    >>> negatives.shape, bool(keep.all())
    ((256, 3, 3), False)
    """

    def __init__(self, model, triples, *, num_negatives=1, sampler="basic", filtered=False):
        self.triples = triples
        self.num_negatives = check.integer("fit", "num_negatives", num_negatives, minimum=1)
        name = resolve(SAMPLERS, sampler, function="fit", argument="sampler", suffix="NegativeSampler")
        check.choice("fit", "filtered", filtered, (True, False))
        options = {"num_entities": model.num_entities, "num_negatives": num_negatives}
        if name == "basic":
            options["num_relations"] = model.num_relations
        else:
            options["head_probability"] = bernoulli_probabilities(triples, model.num_relations)
        self._sample = lambda rng, positives: SAMPLERS[name](rng, positives, **options)
        self._known = index_triples(triples) if filtered else None

    def __len__(self):
        return len(self.triples)

    def batch(self, rng, places):
        """The triples at `places`, corrupted ones (B, K, 3), and which of these count (None: all)."""
        positives = self.triples[places]
        negatives = self._sample(rng, positives)
        return positives, negatives, None if self._known is None else keep_mask(negatives, self._known)

    @staticmethod
    def loss_and_gradients(model, batch):
        """See `ERModel.loss_and_gradients`."""
        return model.loss_and_gradients(*batch)

    @staticmethod
    def rows_with_gradient(batch):
        """The entities and the relations that a batch looks up, increasing."""
        positives, negatives, keep = batch
        flat = np.concatenate([positives, negatives.reshape(-1, 3) if keep is None else negatives[keep]])
        return np.unique(flat[:, [0, 2]]), np.unique(flat[:, 1])


@check.public
class LCWA:
    """Batches of pairs, with a label for every candidate of the target.

    Parameters
    ----------
    model : ERModel
    triples : int64 (n, 3)
    target : "head", "relation" or "tail"

    Examples
    --------
    >>> from npembed.kge.datasets import Nations
    >>> from npembed.kge.models import transe
    >>> nations = Nations().training
    >>> loop = LCWA(transe(nations, random_seed=0), nations.mapped_triples)
    >>> pairs, labels, target = loop.batch(None, np.arange(2))
    >>> pairs.tolist(), labels.shape, target, len(loop)
    ([[0, 3], [0, 4]], (2, 14), 'tail', 471)
    """

    def __init__(self, model, triples, *, target="tail"):
        self.target = check.choice("fit", "target", target, tuple(PAIRS))
        columns = {"head": 0, "relation": 1, "tail": 2}
        self._width = model.num_relations if target == "relation" else model.num_entities
        pairs = triples[:, [columns[name] for name in PAIRS[target]]]
        self.pairs, place = np.unique(pairs, axis=0, return_inverse=True)
        order = np.argsort(place.reshape(-1), kind="stable")
        self._true, self._starts = (
            triples[order, columns[target]],
            np.searchsorted(place.reshape(-1)[order], np.arange(len(self.pairs) + 1)),
        )

    def __len__(self):
        return len(self.pairs)

    def batch(self, rng, places):
        """The pairs at `places`, their labels (B, N): how often each candidate stands with the pair; and the target."""
        labels = np.zeros((len(places), self._width), np.float32)
        for row, place in enumerate(places):
            np.add.at(labels[row], self._true[self._starts[place] : self._starts[place + 1]], 1)
        return self.pairs[places], labels, self.target

    @staticmethod
    def loss_and_gradients(model, batch):
        """See `ERModel.lcwa_loss_and_gradients`."""
        return model.lcwa_loss_and_gradients(*batch)

    @staticmethod
    def rows_with_gradient(batch):
        """The entities and the relations that a batch looks up, increasing."""
        pairs, labels, target = batch
        given = dict(zip(PAIRS[target], pairs.T, strict=True)) | {target: np.arange(labels.shape[1])}
        return np.union1d(given["head"], given["tail"]), np.unique(given["relation"])


LOOPS = {"slcwa": SLCWA, "lcwa": LCWA}
"""By name."""
