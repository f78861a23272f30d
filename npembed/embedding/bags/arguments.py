"""Which ids are in which bag: all that a caller may get wrong about it is refused here, before a kernel sees an offset."""

from typing import NamedTuple

import numpy as np

from ... import check


class Bags(NamedTuple):
    """The ids that count, bag after bag: those of bag b are ``ids[starts[b]:starts[b + 1]]``.

    `places` says where in the flat input they stood: padding, and what is behind the last bag, is left out of all of them.
    """

    ids: np.ndarray
    starts: np.ndarray
    places: np.ndarray

    @property
    def sizes(self):
        """How many ids each bag holds, (B,)."""
        return np.diff(self.starts)

    @property
    def owners(self):
        """The bag of each id, like `ids`."""
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)


@check.public
def bags(function, ids, offsets, num_rows, *, include_last_offset=False, padding_idx=None, argument="ids"):
    """Check ids and offsets, and cut the one at the other.

    Parameters
    ----------
    function, argument : for error messages
    ids : integers (B, K), B bags of K ids each; or (n,), to be cut at `offsets`
    offsets : integers (B,), where each bag begins; None for ids with two axes
        From 0, never falling, none beyond n; two alike have an empty bag between them. The last bag ends where the ids do.
    num_rows : int, N of the table
    include_last_offset : bool
        Then the last offset is where the last bag ends, (B + 1,); ids behind it are in no bag. Ids with two axes do not ask.
    padding_idx : int in ``-N..N-1``, or None
        This id is in no bag, wherever it stands; negative ones count from the end (ids never do).

    Returns
    -------
    Bags

    Raises
    ------
    IndexError, TypeError, ValueError

    Examples
    --------
    >>> cut = bags("example", [4, 0, 7, 0, 1], [0, 3, 3], 10, padding_idx=0)
    >>> cut.ids.tolist(), cut.starts.tolist(), cut.places.tolist()
    ([4, 7, 1], [0, 2, 2, 3], [0, 2, 4])
    """
    check.choice(function, "include_last_offset", include_last_offset, (True, False))
    padding = padding_row(function, padding_idx, num_rows)
    ids = check.ids(function, ids, num_rows, argument)
    if ids.ndim == 2:
        if offsets is not None:
            raise ValueError(
                f"{function}: offsets are given with {argument} of shape {ids.shape}; allowed: none for two axes, each row is a bag"
            )
        starts = np.arange(len(ids) + 1) * ids.shape[1]
    elif ids.ndim == 1:
        starts = _starts(function, offsets, ids.size, include_last_offset, argument)
    else:
        raise ValueError(f"{function}: {argument} has shape {ids.shape}; allowed: (B, K), or (n,) with offsets")
    flat = ids.reshape(-1)
    places = np.arange(starts[-1])
    if padding is not None:
        kept = flat[: starts[-1]] != padding
        places = places[kept]
        starts = np.append(0, np.cumsum(kept))[starts]
    return Bags(flat[places], starts, places)


def padding_row(function, padding_idx, num_rows):
    """`padding_idx` as a row number; a negative one counts from the end, as in torch. None stays None.

    >>> padding_row("example", -1, 10)
    9
    """
    if padding_idx is None:
        return None
    row = check.integer(function, "padding_idx", padding_idx)
    if not -num_rows <= row < num_rows:
        allowed = f"-{num_rows}..{num_rows - 1}" if num_rows else "None"
        raise ValueError(f"{function}: padding_idx = {row} is outside a table of {num_rows} rows; allowed: {allowed}")
    return row % num_rows


def check_weights(function, weights, shape, dtype, mode, argument="ids"):
    """Weights have the shape of the ids and the dtype of the table, and only a sum takes them.

    >>> check_weights("example", np.ones(3), (3,), np.dtype(float), "sum")
    """
    if weights is None:
        return
    name = "per_sample_weights"
    if mode != "sum":
        raise ValueError(f"{function}: {name} are given with mode = {check.said(mode)}; allowed: with mode 'sum' alone")
    check.array(function, name, weights)
    check.like(function, name, weights, shape, weights.dtype, argument)
    check.like(function, name, weights, shape, dtype, "the table")


def _starts(function, offsets, n, include_last_offset, argument):
    """`offsets` as int64 (B + 1,): where each bag begins, and where the last one ends."""
    if offsets is None:
        raise ValueError(f"{function}: offsets are missing; allowed: where each bag begins, for {argument} of shape ({n},)")
    is_list = not isinstance(offsets, np.ndarray)
    offsets = check.numbers_in(function, "offsets", offsets)
    offsets = offsets.astype(np.int64) if is_list and not offsets.size else offsets
    if offsets.dtype not in check.ID_DTYPES:
        raise TypeError(f"{function}: offsets has dtype {offsets.dtype}; allowed: int8 to int64 and uint8 to uint32")
    if offsets.ndim != 1:
        raise ValueError(f"{function}: offsets has shape {offsets.shape}; allowed: one axis")
    offsets = offsets.astype(np.int64)
    if not offsets.size and (n or include_last_offset):
        wanted = "the end of the last bag at least" if include_last_offset else f"a bag at least for {argument} of shape ({n},)"
        raise ValueError(f"{function}: offsets is empty; allowed: {wanted}")
    if offsets.size and offsets[0] != 0:
        raise ValueError(f"{function}: offsets[0] = {offsets[0]}; allowed: 0, where the first bag begins")
    falls = np.flatnonzero(offsets[1:] < offsets[:-1])
    if falls.size:
        i = int(falls[0]) + 1
        raise ValueError(f"{function}: offsets[{i}] = {offsets[i]} follows {offsets[i - 1]}; allowed: offsets that never fall")
    beyond = np.flatnonzero(offsets > n)
    if beyond.size:
        i = int(beyond[0])
        raise ValueError(f"{function}: offsets[{i}] = {offsets[i]} is behind the end of {argument}; allowed: 0..{n}")
    return offsets if include_last_offset else np.append(offsets, n)
