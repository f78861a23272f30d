"""The judge beside torch's gradcheck, on gradients of torch's own: what that one lets pass, and what it rejects."""

import naive
import numpy as np
import pytest

from npembed.verify.gradcheck import NOT_DIFFERENTIABLE, RIGHT, WRONG, judge

torch = pytest.importorskip("torch")


def as_pair(function):
    """A function of torch as the pair of callables that `judge` takes."""

    def forward(*args):
        return function(*map(torch.tensor, args)).numpy()

    def vjp(g, *args):
        leaves = [torch.tensor(a, requires_grad=True) for a in args]
        return torch.autograd.grad(function(*leaves), leaves, torch.tensor(g))

    return forward, lambda g, *args: tuple(d.numpy() for d in vjp(g, *args))


def with_backward(forward, backward):
    """A function of torch with another backward pass."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                return backward(torch.autograd.grad(forward(x), x, g)[0])

    return Function.apply


def passes(function, x):
    """Whether torch's gradcheck lets it pass."""
    return torch.autograd.gradcheck(function, torch.tensor(x, requires_grad=True), raise_exception=False)


def rows(scale):
    return naive.rows(np.random.default_rng(3), (3, 4)) * scale


def test_a_flipped_sign_of_a_small_gradient():
    flipped, x = with_backward(torch.nn.functional.normalize, torch.neg), rows(1e6)
    assert passes(flipped, x)
    assert {e.verdict for e in judge(*as_pair(flipped), x).entries} == {WRONG}


@pytest.mark.parametrize("factor", [1.0005, 1 + 1e-6])
def test_a_small_factor(factor):
    scaled, x = with_backward(torch.nn.functional.normalize, lambda d: factor * d), rows(1.0)
    assert passes(scaled, x)
    assert judge(*as_pair(scaled), x).verdict == WRONG


def test_a_right_gradient_of_tiny_rows():
    x = rows(1e-9)
    assert not passes(torch.nn.functional.normalize, x)
    assert judge(*as_pair(torch.nn.functional.normalize), x).verdict == RIGHT


@pytest.mark.parametrize("function", [torch.relu, lambda x: x.clamp(0, 1), torch.abs])
def test_a_kink(function):
    x = np.array([-0.5, 0.0, 0.25])
    judged = judge(*as_pair(function), x)
    assert judged.verdict == NOT_DIFFERENTIABLE
    assert [e.verdict for e in judged.entries] == [NOT_DIFFERENTIABLE, RIGHT, RIGHT]


@pytest.mark.parametrize("function", [torch.abs, torch.conj_physical, torch.sgn, lambda z: z * z.conj() * z, lambda z: z.real])
def test_the_convention_for_complex_numbers_is_torchs(function):
    z = naive.rows(np.random.default_rng(4), (2, 3), complex)
    forward, vjp = as_pair(function)
    assert judge(forward, vjp, z).verdict == RIGHT
    assert judge(forward, lambda g, z: 1j * vjp(g, z)[0], z).verdict == WRONG


def test_single_precision_and_an_embedding():
    ids = torch.tensor([0, 2, 2, 1])
    pair = as_pair(lambda weight: torch.nn.functional.normalize(torch.nn.functional.embedding(ids, weight)))
    assert judge(*pair, rows(1.0).astype(np.float32)).verdict == RIGHT
    assert judge(*pair, rows(1.0)).verdict == RIGHT
