"""The checker is checked: it lets right gradients pass and stops wrong ones, with a message that says which entry."""

import math

import gradient_pairs as pairs
import naive
import numpy as np
import pytest

from npembed.embedding.row_maps import NORM, NORMALIZERS
from npembed.embedding.rows import GATHER, RowSparse
from npembed.op import Op
from npembed.verify.gradcheck import GradientError, Report, check_vjp


def scale(x, y):
    return x * y


def scale_vjp(g, x, y):
    return g * np.conj(y), g * np.conj(x)


def cube(x):
    return x**3


def cube_vjp(g, x):
    return 3 * g * np.conj(x) ** 2


def size(x):
    return np.abs(x)


def size_vjp(g, x):
    return g * np.sign(x)


SCALE, CUBE, SIZE = Op(scale, scale_vjp), Op(cube, cube_vjp), Op(size, size_vjp)


def pair(dtype=float, shape=(2, 3)):
    rng = np.random.default_rng(30)
    return naive.rows(rng, shape, dtype), naive.rows(rng, shape, dtype)


def altered(op, change):
    """The op with its gradients passed through `change`."""

    def vjp(g, *args, **options):
        return change(op.vjp(g, *args, **options))

    vjp.__name__ = op.vjp.__name__
    return Op(op.forward, vjp)


# ---- right gradients pass


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 3)], ids=str)
def test_right_gradients_pass(shape, dtype):
    x, y = pair(dtype, shape)
    entries = 2 * x.size
    report = check_vjp(SCALE, x, y)
    assert report == Report(entries, 0, report.worst) or report.checked == 2 * entries
    assert report.checked == (2 if dtype is complex else 1) * entries
    assert report.kinks == 0
    assert report.worst < 1e-8
    assert check_vjp(CUBE, x).kinks == 0


def test_no_entries_nothing_to_check():
    for args in ((np.zeros((0, 3)),), (np.arange(3),)):
        with pytest.raises(ValueError, match="check_vjp: args have no entry to check; allowed: an array of floats"):
            check_vjp(CUBE, *args)
    assert check_vjp(GATHER, np.zeros((5, 2)), np.zeros(0, int)).checked == 10
    with pytest.raises(GradientError, match="there is no slope anywhere, so nothing was checked"):
        check_vjp(Op(np.sign, lambda g, x: 77 * g), np.zeros(3), kinks="skip")


def test_integer_arguments_and_lists_are_passed_on():
    assert check_vjp(GATHER, pair()[0], np.array([1, 1, 0])).checked == 6
    assert check_vjp(GATHER, pair()[0], [1, 1, 0]).checked == 6


def test_options_go_to_both_functions():
    def power(x, *, n):
        return x**n

    def power_vjp(g, x, *, n):
        return n * g * x ** (n - 1)

    check_vjp(Op(power, power_vjp), pair()[0], n=4)
    with pytest.raises(GradientError):
        check_vjp(Op(power, lambda g, x, *, n: 3 * g * x**2), pair()[0], n=4)


def test_arguments_are_left_alone():
    x, y = pair()
    kept = x.copy(), y.copy()
    x.flags.writeable = y.flags.writeable = False
    check_vjp(SCALE, x, y)
    assert naive.same_bits(x, kept[0])
    assert naive.same_bits(y, kept[1])


def test_any_layout():
    x, y = pair(shape=(4, 3))
    check_vjp(SCALE, np.asfortranarray(x), y[::-1])
    with pytest.raises(GradientError):
        check_vjp(altered(SCALE, lambda d: (d[0], d[1][::-1])), np.asfortranarray(x), y[::-1])


@pytest.mark.parametrize("factor", [1e-150, 1e-8, 1e8, 1e150])
def test_any_magnitude(factor):
    """Steps are relative to the size of an argument."""
    x, y = pair()
    check_vjp(SCALE, x * factor, y)
    check_vjp(NORM, x * factor)
    with pytest.raises(GradientError):
        check_vjp(altered(NORM, lambda d: 1.001 * d), x * factor)


def test_rounding_inside_the_forward_pass_is_no_wrong_gradient():
    """Where large numbers cancel, the result says nothing of how much was rounded away; moving the argument by an ulp does."""
    x = pair()[0]
    shifted = Op(lambda x: 1e8 * x - 99_999_999 * x, lambda g, x: g)
    constant = Op(lambda x: 1e8 * (x / x.sum()).sum(keepdims=True) - 1e8, lambda g, x: 0 * x)
    for seed in range(5):
        assert check_vjp(shifted, x, rng=seed)[:2] == (6, 0)
        assert check_vjp(constant, x, rng=seed)[:2] == (6, 0)
        with pytest.raises(GradientError):
            check_vjp(altered(shifted, lambda d: 1.001 * d), x, rng=seed)


# ---- wrong gradients do not

WRONG = {
    "sign": lambda d: tuple(-a for a in d),
    "sign of the second": lambda d: (d[0], -d[1]),
    "factor 1.001": lambda d: (1.001 * d[0], d[1]),
    "factor 1.00001": lambda d: (d[0], 1.00001 * d[1]),
    "factor 2": lambda d: (d[0], 2 * d[1]),
    "swapped": lambda d: d[::-1],
    "zero": lambda d: (d[0], 0 * d[1]),
    "one entry": lambda d: (d[0] + np.array([[0, 0, 1e-3], [0, 0, 0]]), d[1]),
    "rows in the wrong order": lambda d: (d[0][::-1], d[1]),
    "NaN": lambda d: (d[0] * np.nan, d[1]),
    "one NaN": lambda d: (d[0], np.where(np.arange(6).reshape(2, 3) == 4, np.nan, d[1])),
    "infinite": lambda d: (d[0], d[1] * np.inf),
    "shape": lambda d: (d[0].sum(axis=0), d[1]),
    "transposed": lambda d: (d[0], d[1].T),
    "complex for real": lambda d: (d[0] + 0j, d[1] + 1j),
    "missing": lambda d: d[0],
    "missing, in a tuple": lambda d: d[:1],
    "one too many": lambda d: (*d, d[0]),
    "None": lambda d: (d[0], None),
}


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_wrong_gradients_are_stopped(wrong, dtype):
    for seed in range(3):
        with pytest.raises(GradientError):
            check_vjp(altered(SCALE, wrong), *pair(dtype), rng=seed)
        with pytest.raises(GradientError):
            check_vjp(altered(SCALE, wrong), *pair(dtype), rng=seed, kinks="skip")


@pytest.mark.parametrize(
    "wrong",
    [np.conj, lambda d: 1j * d, lambda d: d.real + 0j, lambda d: d.real - 1j * d.imag, lambda d: d.real + 1.001j * d.imag],
    ids=["conjugate", "times i", "real part alone", "sign of the imaginary part", "factor on the imaginary part"],
)
def test_wrong_complex_gradients_are_stopped(wrong):
    with pytest.raises(GradientError):
        check_vjp(altered(CUBE, wrong), pair(complex)[0])


def test_the_other_convention_for_complex_gradients_is_stopped():
    """d|z|^2 is 2z here, as in torch; 2 conj(z) is JAX's."""
    squared = Op(lambda z: np.abs(z) ** 2, lambda g, z: 2 * g * z)
    check_vjp(squared, pair(complex)[0])
    with pytest.raises(GradientError):
        check_vjp(Op(squared.forward, lambda g, z: 2 * g * np.conj(z)), pair(complex)[0])


def test_a_gradient_that_is_right_only_for_a_cotangent_of_ones_is_stopped():
    """Softmax with an all-ones cotangent has gradient zero: the checker does not use one."""
    with pytest.raises(GradientError):
        check_vjp(Op(NORMALIZERS["softmax"].forward, lambda g, x: 0 * x), pair()[0])
    with pytest.raises(GradientError):
        check_vjp(Op(cube, lambda g, x: 3 * x**2), pair()[0])


def test_a_gradient_that_is_right_only_for_a_positive_cotangent_is_stopped():
    with pytest.raises(GradientError):
        check_vjp(Op(cube, lambda g, x: 3 * np.abs(g) * x**2), pair()[0])


def test_overwriting_a_repeated_id_is_stopped():
    """A scatter that overwrites is right for ids that occur once, and wrong for the others."""

    def overwrite(g, table, ids):
        rows, last = np.unique(ids[::-1], return_index=True)
        return RowSparse(rows, g[::-1][last], len(table))

    wrong = Op(GATHER.forward, overwrite)
    check_vjp(wrong, pair()[0], np.array([1, 0]))
    with pytest.raises(GradientError, match=r"overwrite: dtable\[1, 0\]"):
        check_vjp(wrong, pair()[0], np.array([1, 0, 1]))


# ---- the message


def test_the_message_names_function_argument_entry_and_both_values():
    x, y = np.array([[2.0, 3.0], [5.0, 7.0]]), np.array([[1.5, 0.5], [-1.0, 2.5]])
    seen = []

    def vjp(g, x, y):
        seen.append(g)
        d = g * x
        d[1, 0] *= 2
        return g * y, d

    vjp.__name__ = "scale_vjp"
    with pytest.raises(GradientError) as caught:
        check_vjp(Op(scale, vjp), x, y)
    true = seen[1][1, 0] * 5.0  # before that, it is called with other arguments
    assert str(caught.value) == f"scale_vjp: dy[1, 0] = {2 * true:.9g}, but differences of the forward pass give {true:.9g}"


def test_the_message_names_the_imaginary_part():
    with pytest.raises(GradientError, match=r"cube_vjp: dx\[0, 0\] \(imaginary\) = .*, but differences"):
        check_vjp(altered(CUBE, lambda d: d.real - 1j * d.imag), pair(complex)[0])


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (altered(SCALE, lambda d: (d[0], d[1].T)), "scale_vjp: dy has shape (3, 2); must be (2, 3), the shape of y"),
        (altered(SCALE, lambda d: d[0]), "scale_vjp: 1 gradients for 2 differentiable arguments"),
        (altered(SCALE, lambda d: (*d, d[0])), "scale_vjp: 3 gradients for 2 differentiable arguments"),
        (Op(np.multiply, lambda g, x, y: (g * y, 2 * g * x)), "<lambda>: d"),
    ],
)
def test_other_messages(op, said):
    with pytest.raises(GradientError) as caught:
        check_vjp(op, *pair())
    assert str(caught.value).startswith(said)


def test_a_bound_function_keeps_its_name():
    wrong = Op(NORMALIZERS["normalize"].forward, NORMALIZERS["softmax"].vjp).bind(dim=-1)
    with pytest.raises(GradientError, match=r"^softmax_vjp: dx\[0, 0\] = "):
        check_vjp(wrong, pair()[0])


# ---- kinks


def test_a_kink_raises_or_is_skipped_and_counted():
    x = np.array([-1.0, 0.0, 2.0])
    with pytest.raises(GradientError, match=r"size_vjp: dx\[1\] = -?0 is at a kink, with slopes .* and .* beside it"):
        check_vjp(SIZE, x)
    report = check_vjp(SIZE, x, kinks="skip")
    assert (report.checked, report.kinks) == (2, 1)


@pytest.mark.parametrize("slope", [-1.0, -0.3, 0.0, 0.5, 1.0])
def test_at_a_kink_every_slope_between_the_two_sides_is_a_gradient(slope):
    op = Op(size, lambda g, x: g * np.where(x == 0, slope, np.sign(x)))
    assert check_vjp(op, np.array([-1.0, 0.0, 2.0]), kinks="skip").kinks == 1


@pytest.mark.parametrize("slope", [-1.1, 1.01, 2.0, -5.0, 1e12, np.nan, np.inf])
def test_a_wrong_gradient_at_a_kink_is_stopped(slope):
    op = Op(size, lambda g, x: g * np.where(x == 0, slope, np.sign(x)))
    for kinks in ("raise", "skip"):
        with pytest.raises(GradientError, match="but differences of the forward pass give"):
            check_vjp(op, np.array([-1.0, 0.0, 2.0]), kinks=kinks)


@pytest.mark.parametrize("distance", [1e-2, 3e-4, 3e-5, 3e-6])
def test_near_a_kink_the_step_gets_out_of_its_way(distance):
    x = np.array([-1.0, distance, -distance, 2.0])
    report = check_vjp(SIZE, x)
    assert (report.checked, report.kinks) == (4, 0)
    with pytest.raises(GradientError):
        check_vjp(altered(SIZE, lambda d: d * [1, -1, 1, 1]), x)


def test_the_peers_conventions_at_kinks_lie_between_the_slopes():
    """Ties of the largest entry, zeros for p = 1, the bounds of clamp: skipped, counted, and not wrong."""
    tie = np.array([[2.0, -2.0, 1.0]])
    for ties in ("split", "first"):
        assert check_vjp(NORM, tie, kinks="skip", p=math.inf, ties=ties).kinks == 2
    assert check_vjp(NORM, np.array([[1.0, 0.0]]), kinks="skip", p=1).kinks == 1
    assert check_vjp(NORM, np.zeros((1, 3)), kinks="skip").kinks == 3
    for edge in ("pass", "stop", "half"):
        assert check_vjp(NORMALIZERS["clamp"], np.array([0.0, 0.5, 1.0]), kinks="skip", min=0, max=1, edge=edge).kinks == 2


# ---- a table of pairs, sound and wrong

LONG = {name: pair for name, pair in pairs.SOUND.items() if all(a.dtype in (float, complex) for a in pair[2:])}


@pytest.mark.parametrize("name", LONG)
def test_a_sound_pair_passes(name):
    forward, vjp, *args = LONG[name]
    check_vjp(Op(forward, vjp), *args, kinks="skip")


@pytest.mark.parametrize("name", [*pairs.AT_KINKS, *pairs.PLAIN])
def test_a_wrong_pair_is_stopped(name):
    forward, vjp, *args = {**pairs.AT_KINKS, **pairs.PLAIN}[name]
    with pytest.raises(GradientError):
        check_vjp(Op(forward, vjp), *args, kinks="skip")


@pytest.mark.parametrize("name", [name for name in {**pairs.SHORT, **pairs.HALVED} if "single" in name or "1e-9" in name])
def test_lost_digits_are_found(name):
    forward, vjp, *args = {**pairs.SHORT, **pairs.HALVED}[name]
    if all(a.dtype in (float, complex) for a in args):
        with pytest.raises(
            GradientError, match="its precision was halved" if name in pairs.HALVED else "right to single precision"
        ):
            check_vjp(Op(forward, vjp), *args)


@pytest.mark.parametrize("name", pairs.STATEFUL)
def test_what_is_changed_or_remembered_is_stopped(name):
    made, said = pairs.STATEFUL[name]
    forward, vjp, *args = made()
    with pytest.raises(GradientError, match=said or "differences of the forward pass"):
        check_vjp(Op(forward, vjp), *args)


# ---- options of the checker


def test_entries_are_a_random_part_of_each_argument():
    x, y = naive.rows(np.random.default_rng(31), (20, 20)), naive.rows(np.random.default_rng(32), (20, 20))
    assert check_vjp(SCALE, x, y, entries=7).checked == 14
    assert check_vjp(SCALE, x, y, entries=1000).checked == 800
    assert check_vjp(SCALE, x, y, entries=1).checked == 2
    assert check_vjp(CUBE, x + 1j * y, entries=7).checked == 14
    spoilt = np.ones((20, 20))
    spoilt[13, 17] = 1.5
    wrong = altered(SCALE, lambda d: (d[0] * spoilt, d[1]))
    for seed in range(3):  # whichever entries are drawn: all of them are moved together, too
        with pytest.raises(GradientError, match=r"dx\[13, 17\]"):
            check_vjp(wrong, x, y, entries=2, rng=seed)


def test_the_same_seed_gives_the_same_report():
    x, y = pair()
    assert check_vjp(SCALE, x, y, rng=5) == check_vjp(SCALE, x, y, rng=5)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.float16])
def test_arguments_that_are_too_short_to_difference_are_refused(dtype):
    with pytest.raises(TypeError, match=r"check_vjp: x has dtype .*; allowed: float64 or complex128, to difference"):
        check_vjp(CUBE, np.ones(3, dtype))


def test_entries_that_check_nothing_are_refused():
    for entries in (0, -1):
        with pytest.raises(ValueError, match=f"check_vjp: entries = {entries} is out of range"):
            check_vjp(CUBE, np.ones(3), entries=entries)


def test_bad_kinks_is_refused():
    with pytest.raises(ValueError, match="check_vjp: kinks = 'ignore' is not a choice; allowed: 'raise' or 'skip'"):
        check_vjp(CUBE, np.ones(3), kinks="ignore")


@pytest.mark.parametrize("factor", [1.0, 1.1, -3.0])
def test_a_forward_pass_too_large_for_its_differences_is_no_verdict(factor):
    """Right or wrong, nothing can be seen of it: that is said, instead of passing it."""
    op = Op(lambda x: 1e14 + np.real(x), lambda g, x: factor * g)
    with pytest.raises(GradientError, match="rounding in the forward pass hides its differences"):
        check_vjp(op, np.array([1.0, 2.0]))


def test_a_vjp_that_writes_to_its_arguments_is_wrong():
    def vjp(g, x):
        x *= 2
        return g

    with pytest.raises(GradientError, match="vjp changes x in place; must leave it alone"):
        check_vjp(Op(lambda x: 1 * x, vjp), np.array([1.0, 2.0]))
