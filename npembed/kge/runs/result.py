"""`PipelineResult`: a model with the graph, the way it is trained, and what came of it so far."""

import time

import numpy as np

from ... import check
from ...numerics.precision import to_float64
from ..datasets.dataset import PARTS
from ..evaluation import evaluate, metric
from ..training import Epoch, OptimizerUpdate, Place, fit, table_rows


@check.public
class PipelineResult:
    """What a run is and has given; made by `pipeline` or `load`.

    Parameters
    ----------
    model : ERModel
    dataset : Dataset
    how : dict
        Options of `npembed.kge.training.fit`: ``loop``, ``lr``, ``batch_size``, ``optimizer``, ``optimizer_kwargs``, ``replay`` ...
    random_seed : int, or None if the model had a generator of its own
    filtered : bool, whether ranks are

    Attributes
    ----------
    model : ERModel
        Its predictions mark what is known in any part of the graph.
    dataset : Dataset
    epochs : list of Epoch
        One for each whole epoch that was trained: loss, seconds, lengths of the entity rows.
    place : Place, in the epoch that was begun and not ended
    metrics : dict of str to float, or None if nothing was ranked since the last batch
        PyKEEN's keys; see `get_metric` for the names people use.
    update : OptimizerUpdate, the optimizer with its states

    Examples
    --------
    >>> from npembed import pipeline
    >>> result = pipeline(dataset="nations", model="distmult", model_kwargs=dict(embedding_dim=8), epochs=1, random_seed=0)
    >>> result
    PipelineResult(nations, epochs=1, loss=1.0673)
    >>> result.train(1).evaluate().get_metric("hits@10") > 0.5
    True
    """

    def __init__(self, model, dataset, how, *, random_seed, filtered=True):
        self.model, self.dataset, self.random_seed, self.filtered = model, dataset, random_seed, filtered
        self.how = dict(how)
        self.update = OptimizerUpdate(model, self.how.pop("optimizer"), self.how.pop("optimizer_kwargs"))
        self.epochs: list[Epoch] = []
        self.place = Place()
        self.stood: dict = {}  # by folder, the manifest that stood there when this run last read or wrote it, see `save.save`
        self.metrics = self.evaluate_seconds = None
        model.known_triples = {part: getattr(dataset, part).mapped_triples for part in PARTS}

    @property
    def losses(self):
        """The loss of each epoch."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def train_seconds(self):
        """How long the epochs took together."""
        return sum(epoch.seconds for epoch in self.epochs)

    @property
    def batches(self):
        """How far the training is: how many whole epochs were trained, and how many batches of the one after them.

        >>> from npembed import pipeline
        >>> pipeline(dataset="nations", model="transe", epochs=1, random_seed=0).batches
        (1, 0)
        """
        return len(self.epochs), len(self.place.losses) if self.place.number == len(self.epochs) + 1 else 0

    @property
    def metrics(self):
        """What ranking the model has given, unless it was trained on since."""
        return self._metrics if self._ranked == self.batches else None

    @metrics.setter
    def metrics(self, value):
        self._metrics, self._ranked = value, self.batches

    @property
    def evaluate_seconds(self):
        """How long ranking the model took, unless it was trained on since."""
        return self._evaluate_seconds if self._ranked == self.batches else None

    @evaluate_seconds.setter
    def evaluate_seconds(self, value):
        self._evaluate_seconds = value

    def train(self, num_epochs, *, progress=None):
        """Train for some more epochs, exactly as if they had followed at once; returns the result itself.

        Ctrl-C, and a loss that is not finite, end it between two batches: the run can then be saved, and goes on at the next batch,
        bit for bit as if there had been no end. (The epoch that was begun is then the first of `num_epochs`.) An error within a step,
        such as one for want of memory, leaves that step half done.

        Parameters
        ----------
        num_epochs : int >= 0
        progress : function of an iterable and a keyword ``desc`` that yields its items, or None
        """
        check.integer("train", "num_epochs", num_epochs, minimum=0)
        epochs = fit(
            self.model,
            self.dataset.training.mapped_triples,
            epochs=num_epochs,
            update=self.update,
            done=len(self.epochs),
            place=self.place,
            **self.how,
        )
        for epoch in epochs if progress is None else progress(epochs, desc="training"):
            self.epochs.append(epoch)
        return self

    def evaluate(self):
        """Rank the test triples among all entities, on both sides; returns the result itself."""
        if not self.dataset.testing.num_triples:
            raise ValueError("evaluate: testing has no triples; allowed: one at least")
        known = [getattr(self.dataset, part).mapped_triples for part in PARTS[:2]]
        began = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore"):  # scores that are no numbers are refused
            self.metrics = evaluate(self.model, self.dataset.testing.mapped_triples, known=known, filtered=self.filtered)
        self.evaluate_seconds = time.perf_counter() - began
        return self

    def get_metric(self, name):
        """One metric by any of its names, such as "mrr", "hits@10", "tail.amri"; see `npembed.kge.evaluation.metric`."""
        if self.metrics is None:
            raise ValueError("get_metric: nothing was ranked since the last epoch; allowed: after evaluate()")
        return metric(self.metrics, name)

    def to_dict(self):
        """What came of the run, as JSON can hold it: ``losses``, ``metrics``, ``entity_row_norms`` (shortest, longest), ``settings``."""
        rows = table_rows(self.model.entity_representations[0])
        with np.errstate(over="ignore", invalid="ignore"):
            norms = np.linalg.norm(to_float64(rows).reshape(self.model.num_entities, -1), axis=1)
        return {
            "losses": self.losses,
            "metrics": self.metrics,
            "entity_row_norms": [float(norms.min()), float(norms.max())],
            "settings": self.settings,
        }

    @property
    def settings(self):
        """What was asked for, as a dict of plain values; functions and arrays by a word for them."""
        how = {**self.how, "optimizer": self.update.name, "optimizer_kwargs": self.update.options}
        asked = {"dataset": self.dataset.name, "random_seed": self.random_seed, "filtered": self.filtered, **how}
        return _told({**asked, "epochs": len(self.epochs), "model": self.model.settings})

    def save_to_directory(self, path):
        """Write all of it into a folder, from which `npembed.load` goes on bit for bit.

        Parameters
        ----------
        path : str or path
            A new folder, an empty one, or one that holds such a run already, which is then replaced.

        Raises
        ------
        TypeError, ValueError
            For options that cannot be written down, such as a function, and for tables that are not finite where a run is already;
            nothing is written then.
        OSError
            Where nothing can be written, or where something else is: also another run than this one has read or written there
            before. That is left alone.

        See Also
        --------
        npembed.kge.runs.save : what is in the folder
        """
        from .save import save

        save(self, path)

    def __repr__(self):
        loss = f", loss={self.losses[-1]:.4f}" if self.epochs else ""
        return f"PipelineResult({check.escaped(self.dataset.name)}, epochs={len(self.epochs)}{loss})"


def _told(value):
    """`value` as plain dicts, lists, numbers and words."""
    if isinstance(value, dict):
        return {str(name): _told(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_told(entry) for entry in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape}"
    return getattr(value, "__name__", None) or (value.name if isinstance(value, np.dtype) else type(value).__name__)
