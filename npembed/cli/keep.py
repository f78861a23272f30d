"""Where ``npembed train`` keeps a run: in the folder that was asked for, elsewhere rather than not at all, and never over a better one."""

import itertools
import os
import tempfile

import numpy as np

from ..io.paths import path_name
from ..numerics import interrupts
from .report import tell


class Keeper:
    """The folder of a run.

    Parameters
    ----------
    out : path, or None to keep nothing

    Attributes
    ----------
    out : path, or None
        What was asked for, or from then on the other place that a run went to because it could not be written.
    trouble : str
        Why the run is not where it was asked for; empty if it is.
    saved : tuple or None
        How far the run was when it was last saved (`PipelineResult.batches`).
    """

    def __init__(self, out):
        from ..io import check_writable, manifest_at

        if out is not None:
            check_writable(out, function="train")
            self._stands = manifest_at(out, function="train")
        self._asked, self.out, self.trouble, self.saved = out, out, "", None
        self._sound = True

    def begin(self, result, epochs):
        """Take the run that is to be trained for so many epochs, and see that there is room for it."""
        from ..io import check_writable
        from ..io.paths import place

        self._result, self._before, self._last = result, result.batches, len(result.epochs) + epochs
        if self.out is not None:
            result.stood.setdefault(place("train", self.out)[1], self._stands)
            tables = sum(layer.weight.nbytes for layer in result.model.layers)
            kept = [value for state in result.update.states for value in state.values() if isinstance(value, np.ndarray)]
            check_writable(self.out, sizes=(tables, sum(value.nbytes for value in kept)), function="train")

    def save(self, *, over=True):
        """Save the run as it is now, if it is sound; unless `over`, not where a run stands already."""
        from ..io import manifest_at
        from ..kge.runs.save import save

        result, trouble = self._result, self.trouble
        self._sound = self.out is None or sound(result)
        if self.out is None or not self._sound:
            return
        places = [(self.out, True)] if over or manifest_at(self.out) is None else []
        for path, asked in itertools.chain(places, ((path, False) for path in _elsewhere(self.out))):
            try:
                save(result, path, over=over and asked)
            except (OSError, MemoryError) as error:
                trouble = trouble or str(error) or type(error).__name__
            else:
                self.out, self.saved, self.trouble = path, result.batches, "" if path == self._asked else trouble
                return
        self.trouble = trouble

    def saving(self, every, bar):
        """`bar`, or another progress of `PipelineResult.train`, that also saves the run after every so many epochs, if any."""

        def progress(epochs, desc):
            for epoch in epochs if bar is None else bar(epochs, desc=desc):
                yield epoch  # which the run has when it asks for the next one
                if every and epoch.number % every == 0 and epoch.number < self._last:
                    before = self.trouble
                    self.save()
                    if self.trouble != before:
                        tell(f"{self.trouble} ({self.outcome()})")

        return progress

    def reached(self):
        """How far the run has come, in words."""
        epochs, batch = self._result.batches
        if not batch:
            return f"after epoch {epochs}"
        of = -(-len(self._result.place.order) // self._result.how["batch_size"])
        return f"in epoch {epochs + 1}, after batch {batch} of {of}"

    def outcome(self):
        """What has become of the run, in words."""
        done, name = self._result.batches, self.out and path_name(self.out)
        if self.saved == done:
            left = self._last - done[0]
            ranked = self._result.metrics is not None and not left
            return f"saved in {name}" + ("" if ranked else f", go on with --resume {name} --epochs {left}")
        if self.out is None or done == self._before:
            return "nothing was written"
        if self.trouble:
            return "it could not be saved"
        if self.saved is not None:
            return f"{name} holds it as after epoch {self.saved[0]}"
        return f"{name} is as it was" if os.path.lexists(self.out) else "nothing was written"

    def ended(self, error):
        """`error`, which has ended the training or the ranking, with what has become of the run."""
        outcome = self.outcome() + (f" ({self.trouble})" if self.trouble else "")
        if isinstance(error, KeyboardInterrupt):
            outcome += "" if self._sound else " (its numbers or its scores are not finite)"
            return interrupts.Stopped(getattr(error, "number", interrupts.SIGINT), f"interrupted {self.reached()}; {outcome}")
        for kind in (FloatingPointError, MemoryError, OSError):
            if isinstance(error, kind):
                return kind(f"{str(error) or kind.__name__} ({outcome})")
        tell(f"ended {self.reached()}; {outcome}")
        return error


def sound(result):
    """Whether the numbers of a run are finite, and the scores that it gives can be ranked: those for a hundred test triples."""
    from ..kge.evaluation import ranks
    from ..kge.training import not_finite

    if not_finite(result.model, result.update.states):
        return False
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(ranks(result.model, result.dataset.testing.mapped_triples[:100]).both.candidates.all())
    except FloatingPointError:
        return False


def _elsewhere(out):
    """Other places for a run, with nothing in them: beside the folder, and among the temporary files."""
    beside = os.path.normpath(out)
    yield next(path for path in (f"{beside}-{number}" for number in range(2, 2**31)) if not os.path.lexists(path))
    folder = tempfile.mkdtemp(prefix="npembed-")
    yield folder
    os.rmdir(folder)  # it could not be written
