"""Training and evaluation mode, and the forward that waits for its backward, as everything has them that is looked up."""

import contextlib

from .. import check


@check.public
class Modes:
    """A class calls `_begin` in its constructor, `_remember` in its forward while ``training``, and `_pull_back` in its backward."""

    def _begin(self):
        """What is new is in training mode, and has looked nothing up."""
        self.training = True
        self._pending: list = []  # the pullbacks of forwards without a backward; two are kept at most, to know that it was not one

    def _remember(self, pullback):
        """Keep the pullback of a forward for `backward`."""
        self._pending = [pullback, *self._pending[:1]]

    def _pull_back(self, argument, *cotangents):
        """What the pullback of the one forward since the last backward says, which then waits no longer."""
        if len(self._pending) != 1:
            said = "several forwards since the last backward" if self._pending else "no forward in training mode"
            raise RuntimeError(
                f"{type(self).__name__}.backward: {said}; allowed: one forward for each backward (zero_grad() forgets those before, "
                f"eval() counts none), or output, pullback = vjp({argument})"
            )
        gradients = self._pending[0](*cotangents)
        self._pending = []
        return gradients

    def train(self, mode=True):
        """Switch to training, where forwards are remembered and dropout acts (or to eval mode); returns the layer."""
        self.training = check.choice(f"{type(self).__name__}.train", "mode", mode, (True, False))
        return self

    def eval(self):
        """Switch to eval mode; returns the layer."""
        return self.train(False)

    def __getstate__(self):
        return {**self.__dict__, "_pending": []}  # a forward that waits for its backward stays behind


@contextlib.contextmanager
def evaluation_mode(model):
    """Put the model into evaluation mode (no dropout); afterwards the model and its parts (or layers) are in the modes they were in."""
    parts = getattr(model, "parts", getattr(model, "layers", ()))
    parts = [model, *(parts if isinstance(parts, (tuple, list)) else ())]
    before = [(part, part.training) for part in parts if isinstance(getattr(part, "training", None), bool)]
    if callable(getattr(model, "eval", None)):
        model.eval()
    try:
        yield
    finally:
        for part, training in before:
            if callable(getattr(part, "train", None)):
                part.train(training)
            else:
                part.training = training
