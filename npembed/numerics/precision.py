"""In which precision numbers are stored, and in which they are computed."""

import numpy as np


def compute_dtype(dtype):
    """The dtype in which numbers of `dtype` are added up and stepped: float32 for float16, which is for storage; else `dtype`.

    Sums, steps, moments, masks and scores of float16 tables are float32. What goes back into float16 is rounded once, to the nearest,
    so that 65520 and more becomes infinite, and 2**-25 and less zero. The gradient of a float16 table is float16 too, as in torch: if
    it is smaller, scale the loss.

    >>> compute_dtype(np.float16), compute_dtype(np.complex128)
    (dtype('float32'), dtype('complex128'))
    """
    return np.dtype(np.float32 if dtype == np.float16 else dtype)


def to_compute_dtype(x):
    """`x` in the dtype of its `compute_dtype`; as it is, unless that is another one.

    >>> to_compute_dtype(np.zeros(2, np.float16)).dtype, to_compute_dtype(np.zeros(2, np.complex64)).dtype
    (dtype('float32'), dtype('complex64'))
    """
    return x.astype(compute_dtype(x.dtype), copy=False)


def to_float64(x):
    """`x` in the precision in which row maps and interactions compute: float64 or complex128.

    A float32 result of one map is computed wide and rounded once: right to half an ulp where nothing cancels.

    >>> import numpy as np
    >>> to_float64(np.zeros(2, np.complex64)).dtype
    dtype('complex128')
    """
    return x.astype(np.result_type(x.dtype, np.float64), copy=False)
