"""Arrays by name, as the bytes of one file and back: safetensors, or NumPy's ``.npz`` where that package is absent.

A complex array is stored as PyKEEN does, as reals with real and imaginary parts in turn: ``(N, 2d)`` for ``(N, d)``; its own dtype
and shape stand in the manifest. Both formats hold the same stored arrays, least byte first, in C order, uncompressed.
"""

import math
import zipfile
from io import BytesIO

import numpy as np

from .. import check

DTYPES = tuple(
    np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
)
"""What an array may hold."""

NPY_OVERHEAD = 2**14
"""More than the header of one array in a ``.npz`` takes, its entry in the archive's directory included, and a safetensors entry."""


def package():
    """The package safetensors, or None."""
    try:
        import safetensors.numpy
    except ImportError:
        return None
    return safetensors.numpy


def suffix(function, array_format):
    """The suffix of files of arrays."""
    check.choice(function, "array_format", array_format, ("safetensors", "npz", None))
    present = package() is not None
    if array_format == "safetensors" and not present:
        raise ValueError(
            f"{function}: array_format = 'safetensors' wants that package; allowed: 'npz', or pip install safetensors"
        )
    return array_format or ("safetensors" if present else "npz")


MAX_AXES = 32
"""How many axes an array may have."""


def possible(shape):
    """Whether an array of this shape can be written and read: an empty one may have long axes too."""
    return len(shape) <= MAX_AXES and min(shape, default=0) >= 0 and math.prod(axis for axis in shape if axis) < 2**57


def checked(function, argument, value):
    """`value`, if it is an array that can be written."""
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{function}: {argument} is a {type(value).__name__}; allowed: a NumPy array of {check.names(DTYPES)}")
    if value.dtype.newbyteorder("=") not in DTYPES:
        raise TypeError(f"{function}: {argument}.dtype = {value.dtype} is not supported; allowed: {check.names(DTYPES)}")
    if not possible(value.shape):
        raise ValueError(f"{function}: {argument} has shape {value.shape}; allowed: up to {MAX_AXES} axes, in all below 2**57")
    return value


def stored(dtype, shape):
    """Dtype and shape that an array of `dtype` and `shape` has in the file.

    >>> stored(np.dtype("complex64"), (14, 3)), stored(np.dtype("int64"), (2,))
    ((dtype('float32'), (14, 6)), (dtype('int64'), (2,)))
    """
    if dtype.kind != "c":
        return dtype, shape
    return np.dtype(f"float{4 * dtype.itemsize}"), (*shape[:1], 2 * math.prod(shape[1:]))


def size(described):
    """Bytes that the numbers of the arrays `described`, a dict of name to (dtype, shape), take."""
    return sum(dtype.itemsize * math.prod(shape) for dtype, shape in described.values())


def encode(arrays, suffix):
    """The bytes of a file that holds `arrays`, a dict of name to array; `suffix` is "safetensors" or "npz"."""
    plain = {}
    for name, value in arrays.items():
        dtype, shape = stored(value.dtype.newbyteorder("="), value.shape)
        # C order first: safetensors 0.8.0 writes the memory as it lies, which for other layouts is other numbers
        value = np.asarray(value, dtype=value.dtype.newbyteorder("<"), order="C")
        plain[name] = value.reshape(-1).view(dtype.newbyteorder("<")).reshape(shape)
    if suffix == "safetensors":
        return package().save(plain)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in plain.items():
            member = BytesIO()
            np.lib.format.write_array(member, value, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + ".npy"), member.getbuffer())
    return buffer.getvalue()


class _DamageError(ValueError):
    """What is wrong with a file, in words that go into a message as they are."""


def decode(content, suffix, described):
    """The arrays in the bytes of a file, new and writable; a ValueError with the fact if they are not those `described`.

    `described` is a dict of name to (dtype, shape), as they were before they were stored.
    """
    try:
        found = _safetensors(content, described) if suffix == "safetensors" else _npz(content)
    except _DamageError:
        raise
    except Exception as error:  # safetensors, zipfile and NumPy's header parser each have errors of their own
        raise ValueError(f"cannot be read as {suffix} ({type(error).__name__}: {' '.join(str(error).split())[:200]})") from None
    if found.keys() != described.keys():
        odd = sorted(found.keys() ^ described.keys())[0]
        raise _DamageError(f"{'lacks' if odd in described else 'holds'} an array {odd[:200]!a}, against the manifest")
    return {name: _restored(name, found[name], *described[name]) for name in described}


def _restored(name, value, dtype, shape):
    """One array from what was stored, of `dtype` and `shape`."""
    real, real_shape = stored(dtype, shape)
    if value.dtype.newbyteorder("=") != real or value.shape != real_shape:
        raise _DamageError(f"holds {name} as {value.dtype} {value.shape}, against the manifest's {real} {real_shape}")
    if real.kind == "b" and value.size and value.view(np.uint8).max() > 1:
        raise _DamageError(f"holds {name} with a bool that is neither 0 nor 1")
    return np.array(value.reshape(-1).view(dtype.newbyteorder("<")).reshape(shape), dtype=dtype, order="C")


def _safetensors(content, described):
    """The arrays in the bytes of a safetensors file. The package refuses offsets that overlap, leave holes or lie outside."""
    found = package().load(content)
    header = 8 + int.from_bytes(content[:8], "little")
    if header + size(described) != len(content):  # of a name that is there twice the package drops one
        raise _DamageError(f"holds {len(content) - header} bytes of numbers, against the manifest's {size(described)}")
    return found


def _npz(content):
    """The arrays in the bytes of a ``.npz``: nothing is unpacked, no member is larger than the archive, nothing is unpickled."""
    found = {}
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > len(content):
            raise _DamageError("holds members that are larger than the archive, as a bomb does")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                raise _DamageError(f"holds {name[:200]!a} compressed or encrypted, which npembed does not write")
            if name in found or name == member.filename:
                raise _DamageError(f"holds {member.filename[:200]!a}, which is no array, or one twice")
            found[name] = _npy(name, archive.read(member))
    return found


def _npy(name, content):
    """The array in the bytes of a ``.npy``."""
    stream = BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise _DamageError(f"holds {name[:200]!a} in another version of .npy than 1.0")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    numbers = content[stream.tell() :]
    if (
        fortran_order
        or not possible(shape)
        or dtype.newbyteorder("=") not in DTYPES
        or dtype.itemsize * math.prod(shape) != len(numbers)
    ):
        raise _DamageError(
            f"holds {name[:200]!a} as {dtype} {shape} in {len(numbers)} bytes, which is no array that npembed writes"
        )
    return np.frombuffer(numbers, dtype).reshape(shape)
