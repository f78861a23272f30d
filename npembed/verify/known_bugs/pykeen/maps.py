"""PyKEEN: maps of rows, initializers and regularizers."""

import functools
import math

import numpy as np

from ....embedding.initializers import init_quaternions
from ....embedding.regularizers import expected_norm, lp, orthogonality, power_sum
from ....embedding.row_maps import clamp_norm, complex_normalize
from ..finding import Finding

_found = functools.partial(Finding, "pykeen", ("1.11.1", "1.11.1"))


def beyond_the_bound():
    """clamp_norm leaves rows beyond the bound"""
    import torch
    from pykeen.utils import clamp_norm

    x = clamp_norm(torch.tensor([[6.0, 10.0]]), maxnorm=1.0, p=2, dim=-1)
    return bool(x.double().square().sum() <= 1)


def huge_clamped():
    """clamp_norm makes zeros of a row whose squares overflow"""
    import torch
    from pykeen.utils import clamp_norm

    return clamp_norm(torch.tensor([[3e30, 4e30]]), maxnorm=1.0, p=2, dim=-1).tolist()


def tiny_bound():
    """clamp_norm makes rows much shorter than a small bound"""
    import torch
    from pykeen.utils import clamp_norm

    return clamp_norm(torch.tensor([[3e-8, 4e-8]]), maxnorm=1e-9, p=2, dim=-1).tolist()


def whole_table():
    """the constrainer clamp_norm shortens all rows by the norm of the whole table"""
    import torch
    from pykeen.nn import Embedding

    embedding = Embedding(max_id=2, shape=2, constrainer="clamp_norm", constrainer_kwargs={"maxnorm": 1.0})
    embedding._embeddings.weight.data = torch.tensor([[0.625, 0.0], [0.0, 1.5]])
    embedding.post_parameter_update()
    return embedding(None).tolist()


def short_complex():
    """complex_normalize does not bring small numbers to length one"""
    import torch
    from pykeen.utils import complex_normalize

    return torch.view_as_real(complex_normalize(torch.tensor([[1e-9 + 0j]]))).tolist()


def quaternion_dtype():
    """init_quaternions gives float32 for a float64 table"""
    import torch
    from pykeen.nn.init import init_quaternions

    return str(init_quaternions(torch.empty(2, 2, 4, dtype=torch.float64)).dtype).removeprefix("torch.")


def quaternion_signs():
    """init_quaternions draws imaginary parts of one sign only in each quaternion"""
    import torch
    from pykeen.nn.init import init_quaternions

    signs = init_quaternions(torch.empty(50, 2, 4))[..., 1:] > 0
    return bool((signs == signs[..., :1]).all())


def _quaternion_signs():
    signs = init_quaternions(0, (50, 2, 4), np.float32)[..., 1:] > 0
    return bool((signs == signs[..., :1]).all())


def quaternion_spread():
    """init_quaternions draws smaller numbers the more rows there are"""
    import torch
    from pykeen.nn.init import init_quaternions

    few, many = (init_quaternions(torch.empty(n, 50, 4)).std().item() for n in (10, 1000))
    return many < few / 2


def _quaternion_spread():
    few, many = (init_quaternions(0, (n, 50, 4), np.float32).std() for n in (10, 1000))
    return bool(many < few / 2)


def expected_norm_2():
    """the expected norm of normal rows is the root of the mean instead of the mean of the root"""
    from pykeen.utils import get_expected_norm

    return float(get_expected_norm(p=2, d=1))


def expected_norm_3():
    """the expected norm of normal rows is wrong for p = 3 as well"""
    from pykeen.utils import get_expected_norm

    return float(get_expected_norm(p=3, d=1))


def term_in_float32():
    """the regularization term of a float64 table is a float32"""
    import torch
    from pykeen.regularizers import PowerSumRegularizer

    regularizer = PowerSumRegularizer(normalize=False)
    regularizer.update(torch.tensor([[1 / 3, 1 / 7]], dtype=torch.float64))
    return regularizer.pop_regularization_term().item()


def empty_regularized():
    """the regularization of no rows is NaN"""
    import torch
    from pykeen.regularizers import LpRegularizer

    return LpRegularizer()(torch.zeros(0, 3)).item()


def regularized_in_evaluation():
    """OrthogonalityRegularizer adds to its term in evaluation too"""
    import torch
    from pykeen.regularizers import OrthogonalityRegularizer

    regularizer = OrthogonalityRegularizer(epsilon=0.0)
    regularizer.eval()
    regularizer.update(torch.ones(1, 2), torch.ones(1, 2))
    return regularizer.term.tolist()


def epsilon_not_squared():
    """OrthogonalityRegularizer compares the square of a cosine with a bound on the cosine"""
    import torch
    from pykeen.regularizers import OrthogonalityRegularizer

    regularizer = OrthogonalityRegularizer(epsilon=0.5)
    regularizer.update(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]]))
    return regularizer.pop_regularization_term().item()


def _clamped(x, maxnorm):
    return clamp_norm(np.array([x], np.float32), maxnorm=maxnorm).tolist()


MAPS = (
    _found("P13", beyond_the_bound, False, True,
           "Clamping is a projection onto rows with |x| <= 1; 0.514 and 0.857 as rounded have squares that add up to 1 + 1.3e-7.",
           ours=lambda: bool(np.square(_clamped([6.0, 10.0], 1.0)).sum() <= 1)),
    _found("P13b", huge_clamped, [[0.0, 0.0]], [[0.6, 0.8]], "The row has norm 5e30, and becomes (3/5, 4/5).",
           ours=lambda: _clamped([3e30, 4e30], 1.0), rtol=1e-6),
    _found("P13c", tiny_bound, [[2.5165822e-10, 3.3554431e-10]], [[6e-10, 8e-10]],
           "The row has norm 5e-8, beyond the bound 1e-9, and becomes (3/5, 4/5) 1e-9. PyKEEN divides by no less than 1.2e-7.",
           ours=lambda: _clamped([3e-8, 4e-8], 1e-9), rtol=1e-6),
    _found("P24", whole_table, [[5 / 13, 0.0], [0.0, 12 / 13]], [[0.625, 0.0], [0.0, 1.0]],
           "The rows have norms .625 and 1.5, the bound is 1: the first stays, the second becomes 1 long. PyKEEN's default is one norm for "
           "all rows, 1.625 here.",
           ours=lambda: clamp_norm(np.array([[0.625, 0.0], [0.0, 1.5]]), maxnorm=1.0).tolist(), rtol=1e-6),
    _found("P14", short_complex, [[[0.0083886078, 0.0]]], [[[1.0, 0.0]]],
           "It is documented to bring each number to length one, and 1e-9 has the direction 1.",
           ours=lambda: complex_normalize(np.array([[1e-9]], np.complex64)).view(np.float32)[None].tolist(), rtol=1e-6),
    _found("P9", quaternion_dtype, "float32", "float64", "A table that is filled keeps its dtype.",
           ours=lambda: str(init_quaternions(0, (2, 2, 4), np.float64).dtype)),
    _found("P9b", quaternion_signs, True, False,
           "They are said to be uniform. Of three signs drawn at random all agree by one chance in four, in each of 100 by 4^-100.",
           ours=_quaternion_signs),
    _found("P9c", quaternion_spread, True, False,
           "In the paper the scale goes with the quaternions in a row, of which there are 50 in either table.",
           ours=_quaternion_spread),
    _found("P8", expected_norm_2, 1.0, math.sqrt(2 / math.pi), "For d = 1 the norm is |x|, and the mean of |x| is sqrt(2 / pi).",
           ours=lambda: expected_norm(2, 1), rtol=1e-6),
    _found("P8b", expected_norm_3, (2 * math.sqrt(2 / math.pi)) ** (1 / 3), math.sqrt(2 / math.pi),
           "For d = 1 every p-norm is |x|, with mean sqrt(2 / pi).", rtol=1e-6),
    _found("P10", term_in_float32, 0.13151927292346954, 1 / 9 + 1 / 49, "The rows are float64, and (1/3)^2 + (1/7)^2 is 1/9 + 1/49.",
           ours=lambda: float(power_sum(np.array([[1 / 3, 1 / 7]]), normalize=False)), rtol=1e-12),
    _found("P11", empty_regularized, float("nan"), 0.0, "No rows have no length to be punished for.",
           ours=lambda: float(lp(np.zeros((0, 3))))),
    _found("P12", regularized_in_evaluation, [1.0], [0.0], "No other regularizer does: there is no step that the term could go into.",
           rtol=1e-6),
    _found("P12b", epsilon_not_squared, 0.0, 0.11, "The cosine is .6, its bound .5; the paper charges .36 - .25.",
           ours=lambda: float(orthogonality(np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]]), epsilon=0.5)), rtol=1e-6),
)  # fmt: skip
