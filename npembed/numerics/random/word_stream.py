"""The Mersenne Twister's 32-bit words, and what torch makes of one or two of them: long words and fractions."""

import numpy as np

from ... import check

SEEDS = -(2**63), 2**64 - 1
"""What torch.manual_seed takes; the low 32 bits are used."""


PIECE = 2**20
"""How many fractions are made at once: few enough to stay near the processor, and for Ctrl-C to be seen in between."""


class WordStream:
    """The words that follow from a seed.

    Parameters
    ----------
    seed : int
        -2**63 .. 2**64 - 1.

    Attributes
    ----------
    seed : int
    words_drawn : int
        How many words the stream has given so far.

    References
    ----------
    torch/include/ATen/core/MT19937RNGEngine.h;
    Matsumoto and Nishimura, Mersenne Twister, ACM TOMACS 8(1), 1998, doi:10.1145/272991.272995.

    Examples
    --------
    >>> WordStream(5489).words(2)  # the reference implementation's default seed
    array([3499211612,  581869302], dtype=uint32)
    """

    def __init__(self, seed):
        self.seed = check.integer("TorchGenerator", "seed", seed, *SEEDS)
        self.words_drawn = 0
        self._twister = np.random.RandomState(self.seed & 0xFFFFFFFF)

    def words(self, n):
        """The next `n` words, uint32."""
        if n == 0:
            return np.empty(0, np.uint32)
        self.words_drawn += n
        return np.frombuffer(self._twister.bytes(4 * n), "<u4")

    def long_words(self, n):
        """The next `n` pairs of words, uint64; the first of a pair is the high half."""
        pairs = self.words(2 * n).astype(np.uint64).reshape(n, 2)
        return (pairs[:, 0] << np.uint64(32)) | pairs[:, 1]

    def fractions(self, n, dtype):
        """`n` multiples of 2**-24 (float32, from the low bits of a word) or 2**-53 (float64, from a long word) in [0, 1)."""
        out = np.empty(n, dtype)
        for lo in range(0, n, PIECE):
            piece = out[lo : lo + PIECE]
            if dtype == np.float32:
                piece[:] = (self.words(len(piece)) & np.uint32(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)
            else:
                piece[:] = (self.long_words(len(piece)) & np.uint64(2**53 - 1)) * 2.0**-53
        return out

    def get_state(self):
        """A dict of seed, words_drawn, key (an ndarray of 624 uint32) and position (0 to 624)."""
        twister = self._twister.get_state(legacy=False)["state"]
        return {"seed": self.seed, "words_drawn": self.words_drawn, "key": twister["key"], "position": int(twister["pos"])}

    def set_state(self, state):
        """Go on from `state`, which `states.check_torch` has allowed."""
        self._twister.set_state(("MT19937", np.asarray(state["key"], np.uint32), int(state["position"]), 0, 0.0))
        self.seed, self.words_drawn = int(state["seed"]), int(state["words_drawn"])
