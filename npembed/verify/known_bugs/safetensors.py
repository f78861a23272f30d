"""safetensors: how arrays are saved, and read back."""

import functools
import pathlib
import tempfile

import numpy as np

from ...io import read_folder, write_folder
from .finding import Finding

_found = functools.partial(Finding, "safetensors", ("0.8.0", "0.8.0"))
STRIDES = "safetensors#825"


def transposed():
    """a transposed array is saved as if it were not"""
    import numpy as np
    from safetensors.numpy import load, save

    return load(save({"x": np.array([[1.0, 2.0], [3.0, 4.0]]).T}))["x"].tolist()


def every_second():
    """every second number of an array is saved as the first half of it"""
    import numpy as np
    from safetensors.numpy import load, save

    return load(save({"x": np.arange(4.0)[::2]}))["x"].tolist()


def column_major():
    """a Fortran-ordered array is saved transposed"""
    import numpy as np
    from safetensors.numpy import load, save

    return load(save({"x": np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])}))["x"].tolist()


def backwards():
    """a reversed array is saved as what lies behind it in memory"""
    import numpy as np
    from safetensors.numpy import load, save

    return load(save({"x": np.arange(3.0)[::-1]}))["x"].tolist()


def broadcast():
    """a broadcast array is saved as what lies behind it in memory"""
    import numpy as np
    from safetensors.numpy import load, save

    return load(save({"x": np.broadcast_to(np.arange(2.0), (2, 2))}))["x"].tolist()


def there_and_back(x):
    """What npembed reads of an array that it has written.

    >>> there_and_back(np.arange(4.0)[::2])
    [0.0, 2.0]
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "written"
        write_folder(path, arrays={"model": {"x": x}})
        return read_folder(path).arrays["model"]["x"].tolist()


SAVED = "What is saved is the array: its numbers in the order of its indices, wherever they lie in memory."

SAFETENSORS = (
    _found("S1", transposed, [[1.0, 2.0], [3.0, 4.0]], [[1.0, 3.0], [2.0, 4.0]], SAVED, STRIDES,
           lambda: there_and_back(np.array([[1.0, 2.0], [3.0, 4.0]]).T)),
    _found("S2", every_second, [0.0, 1.0], [0.0, 2.0], SAVED, STRIDES, lambda: there_and_back(np.arange(4.0)[::2])),
    _found("S3", column_major, [[1.0, 3.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]], SAVED, STRIDES,
           lambda: there_and_back(np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]))),
    _found("S4", backwards, "2, and what lies behind it", [2.0, 1.0, 0.0], SAVED, STRIDES,
           lambda: there_and_back(np.arange(3.0)[::-1]), foreign=True),
    _found("S5", broadcast, "0, 1, and what lies behind them", [[0.0, 1.0], [0.0, 1.0]], SAVED, STRIDES,
           lambda: there_and_back(np.broadcast_to(np.arange(2.0), (2, 2))), foreign=True),
)  # fmt: skip
