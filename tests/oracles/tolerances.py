"""Every tolerance of the tests, each with its reason. Append; do not loosen."""

import numpy as np

# ---- row maps against mpmath, relative to the length of the result, in machine epsilons of the dtype

ROW_MAP_FLOAT64 = 16.0
"""Forward in float64: a sum of some 20 powers, a root and a quotient are off by an ulp or two each; p = 1.5 takes two `pow`."""

ROW_MAP_FLOAT32 = 0.5001
"""Forward in float32: computed in float64 and rounded once, which is half an epsilon; the rest is the float64 error."""

ROW_MAP_VJP_FLOAT64 = 32.0
"""Backward in float64, relative to ``|g| / |x|``: the forward's roundings, twice, and the inner product's. Relative to the
result it may be more, since ``g - s <g, u>`` cancels by nature."""

ROW_MAP_VJP_FLOAT32 = 1.0
"""Backward in float32, relative to the same: rounded once, with room for a result that is somewhat longer than ``|g| / |x|``."""

STEPPED_INSIDE = 1.0
"""What comes on top for `clamp_norm`: a row that rounding has carried over the bound is stepped inside, each entry by an ulp."""

STEPPED_INSIDE_OTHER_P = 21.0
"""The same where to tell inside from outside takes many digits (p = 1.5, moduli added up): the aim is 20 machine epsilons short."""

SECOND_ORDER_FLOAT64 = 16.0
"""Gradients of gradients in float64, relative to the length of the result, of three terms on roundings as above; ordinary rows, whose
terms do not cancel."""

SECOND_ORDER_ULP_FLOAT32 = 0.501
"""The same in float32, in ulps: computed in float64 and rounded once; what cancels there to a thousandth is still right to half an ulp."""

# ---- against torch and PyKEEN, which compute in the dtype of the table

TORCH_FLOAT64 = {"rtol": 1e-12, "atol": 1e-13}
"""Both round some ten times; torch may sum a row in another order (vectorized), and may contract a product and a sum."""

TORCH_FLOAT32 = {"rtol": 2e-5, "atol": 2e-6}
"""torch computes in float32, eps 1.2e-7: some twenty roundings, and a cancelling ``g - s <g, u>`` in the backward."""

TORCH_SGD_FLOAT32 = {"rtol": 0.0, "atol": 1e-6}
"""Three steps on numbers below 4: each rounds once, and torch on machines without a fused multiply-add twice (4 * 6e-8 each)."""

TORCH_SGD_FLOAT64 = {"rtol": 0.0, "atol": 1e-15}
"""torch rounds ``table - lr * g`` once (fused multiply-add); here product and difference are rounded one after the other."""

# ---- initializers, the layer, the model

UNIT_LENGTH = {np.float32: 2e-7, np.float64: 2e-15}
"""How far a row of length one may be off: each entry is rounded once to the dtype; the test's own norm rounds some more."""

SAMPLE_MOMENTS = 0.01
"""Mean, standard deviation and shares of 200 000 numbers: more than four standard errors (1 / sqrt(200 000) = .0022)."""

PYKEEN_NORMALIZED = 1e-6
"""Rows normalized by torch, relative to the largest entry: torch sums squares in float32 (eps 1.2e-7), npembed in float64."""

PYKEEN_ORTHOGONAL_FLOAT32 = 0.5
"""torch's QR in float32, in units of ``eps cond``: a column of Q turns by that much when the matrix is rounded by eps."""

PYKEEN_FLOAT64 = 1e-12
"""The same in float64, relative to the largest entry: QR of well-conditioned matrices of up to 40 columns, eps 2e-16."""

GRAPH_POWERS = 1e-13
"""Powers of a random walk in float64, relative to the largest entry: sums and products of numbers that are never negative."""

ORTHOGONAL = {np.float32: 1e-6, np.float64: 1e-13}
"""Inner products of rows of some ten numbers, each rounded once to the dtype (QR itself works in float64)."""

DIFFERENCES = 1e-6
"""Central differences with h = 1e-6 of a float64 function near one: h^2 truncation, and eps / h = 2e-10 of rounding."""

PRINTED = 0.5e-4
"""Scores that `peers.md` gives to four decimals: half a unit in the last."""

PYKEEN_SCORE = 1e-6
"""Scores of two or three factors of order one, computed by PyKEEN in float32 (eps 1.2e-7), by npembed in float64."""

SAME_SCORE = 1e-12
"""Scores of one triple by `score_hrt`, `score_h`, `score_r`, `score_t` in float64, relative: sums in another order."""

PYKEEN_GRADIENT = {"rtol": 1e-5, "atol": 1e-7}
"""Gradients of a mean over a batch of some hundred, summed by torch in float32 and in another order than by npembed."""

SAME_RUN = 1e-12
"""Some ten SGD steps in float64 against plain loops: sums in another order, and no sign of h + r - t that flips on the way."""

SAME_SUMMARY = 1e-14
"""Norms, shares and angles of a handful of small integers: a root and an arctangent, each to an ulp or two."""

PYKEEN_RUN = 1e-5
"""Losses and tables after some twenty SGD steps in float32 on either side, where no kink makes one ulp grow (not for p = 1)."""

PYKEEN_CANCELLING = {"rtol": 1e-5, "atol": 5e-6}
"""Gradients through a norm over an axis of size one, which are zero: ``g - u <u, g>`` in float32, times one over a small entry."""

# ---- evaluation, as arguments of pytest.approx

METRIC = {"rel": 1e-9, "abs": 1e-12}
"""Metrics of a few ranks against plain loops in float64, whose mean and variance over all tuples of ranks cancel some digits."""

MOMENTS = {"rel": 1e-12, "abs": 1e-14}
"""Expectation and variance of up to four ranks: some ten roundings, and a variance that is a difference of moments of order ten."""

Z_OF_MANY = 1e-10
"""Moments of 6 000 ranks, relative: the variance of a geometric mean sums 6 000 terms of 1e-8, each a difference of two of 1e-3."""

PYKEEN_METRIC = {"rel": 1e-9, "abs": 1e-9}
"""The same formulas in float64 on either side; PyKEEN subtracts two products of some hundred factors near one for the z-score
of the geometric mean rank, and writes ``(M - E) / s`` as ``M / s - E / s``."""

PYKEEN_METRIC_FLOAT32 = {"rel": 1e-6, "abs": 1e-5}
"""PyKEEN's realistic ranks and their means are float32 (eps 1.2e-7). An adjusted metric subtracts the expectation, and a z-score
divides the difference by a standard deviation that is some twentieth of the mean: absolute, not relative, for values near zero."""

# ---- representations made of others

SAME_SUM = 1e-14
"""A sum or a product of a handful of numbers near one in float64: a few roundings of 1e-16 each."""

TRUNCATED = 1e-7
"""The error of a truncated singular value decomposition, relative to the largest singular value: the test takes the values as roots
of the eigenvalues of X X^H, where one that is zero comes out as the root of the rounding, sqrt(1e-16) and a little more."""

# ---- bags

COMPLEX_PRODUCT = 16.0
"""In eps of the largest entry: a product of complex numbers may round each of its parts once or twice, as the processor has it;
then up to nine are added, each sum rounded."""

WEIGHT_GRADIENT = 4.0
"""In eps of width times the largest table entry times the largest g: float64's sums of up to three products, complex ones too."""

# ---- max_norm

RENORMED_BEYOND = 1e-70
"""Relative: mpmath's own rounding of a norm. No row is beyond the bound."""

RENORMED = 24.0
"""In eps of the bound, how far inside a row may end: it is divided by its norm and multiplied by the bound, and steps inside by a few
ulps then; for p = 1.5, whose norm takes two `pow` for each entry, by up to 21 in double precision."""

TORCH_SHORT = {"rtol": 1e-6, "atol": 2e-5}
"""torch leaves rows short of the bound by 1e-7 of a norm of half or more; then up to 40 rows of a few units each are added."""

# ---- the fused engine

FUSED = {"eps": 2.0**-52, "more": 4, "float32": {"rtol": 2e-7, "atol": 1e-9}}
"""``(2 d + more) eps`` of the sum of the terms' sizes: two sums of up to 2 d equal terms in other orders, each at most d eps off, and
few roundings of root, modulus and scaling; then each score is rounded once (float32: 6e-8 each, and sums near zero that cancel)."""

# ---- PyKEEN's layer with all of its options

PYKEEN_LAYER = {"float32": 2e-5, "float64": 1e-12, "regularized": 1e-7}
"""Of the largest entry, or of one: sums of up to 9 products and two norms in float32, divided by norms of a few tenths; gradients
of up to ten lookups of a row are added. PyKEEN's regularization term, and so its factor, is float32 for a float64 table."""

# ---- whole runs of PyKEEN, repeated from the seed

REPLAY_LOSS = 1e-5
"""Losses and tables of a run where no kink makes one ulp grow (p = 2, DistMult, ComplEx; SGD, Adagrad), and of any other up to the
first decision that an ulp turns: a table is off by some ulps (6e-8) after each of some hundred steps. Seen: 3e-7."""

REPLAY_DIVERGENCE = 10
"""Elsewhere (Adam): how many times further than PyKEEN moves from itself when its initial weights move by one ulp. Each side rounds
at every step, not at the first alone; a decision that is near enough to turn turns under either."""

REPLAY_NOISE = 1e-3
"""Entries of two gradients that differ by more than this of themselves are sums that cancel to rounding: others agree to 1e-5."""

PRINTED_RUN = {"losses": 0.6e-5, "metrics": 0.51e-4, "norms": 0.51e-3}
"""Losses, metrics and row norms that `peers.md` gives to five, four and three decimals: half a unit in the last, and what a replay is
off by."""


def rank_flips(num_triples, flips=2):
    """By how much two rank flips move a mean rank: each is one candidate that passes a true triple on one side, and so moves one of
    2 n ranks by one. Two scores that are one ulp apart here may be equal or in the other order there; beside it stands the float32 in
    which PyKEEN takes the mean (eps 1.2e-7 of some tens)."""
    return flips / (2 * num_triples) + 1e-5


SUMMED_IN_BLOCKS = 4.0
"""Gradients of rows that a sum over some five candidates reaches, in machine epsilons of the largest: each block is rounded to the
dtype of the table, and the blocks are then added one after the other."""

# ---- dropout at prediction time

LAW = 1e-12
"""Values, probabilities and moments of up to four terms in float64 against fractions, relative to the sum of their sizes: ten roundings."""

LAW_FLOAT32 = 1e-6
"""The same for float32 rows: ``1/(1 - p)``, three products and the score are rounded to float32 (eps 1.2e-7)."""

Z = 5.0
"""How many standard errors a sampled mean, variance or share may be off; a right one is further off in 6e-7 of all seeds."""

PYKEEN_UNCERTAIN = {"rtol": 1e-5, "atol": 1e-6}
"""Mean and variance of up to ten scores of order one, which PyKEEN computes and adds up in float32 (eps 1.2e-7)."""

# ---- whole runs against PyKEEN's pipeline

PYKEEN_ADAM_RUN = 1e-3
"""Losses of two epochs of Adam with lr = 1e-3: where a gradient is all rounding, its sign is chance, and Adam steps by lr either way."""

RANK_FLIPS = 2
"""How many of some 400 ranks may be one off after a run that agrees to `PYKEEN_RUN`: scores that differ by an ulp change places."""

# ---- float16 tables, in distances of float16 numbers

HALF_ROUNDED = 0.501
"""Computed in float32 or wider and rounded once, which is half a distance; float32 adds ten roundings of 2**-13 of a distance each."""

HALF_SUMS = 40 * 2.0**-24
"""A sum of up to thirty numbers in float32, relative to the sum of their sizes: each addition rounds once."""

HALF_COMPOSED = 8 * 2.0**-10
"""Several maps after one another on numbers of up to 2.5, each rounded to float16 (2**-11), relative to the largest result or one: a
normalizer, a mask, the gradients of either, then up to three of them added."""

# ---- the judge of gradients

JUDGED_EXP = 1e-8
"""How well differences of exp in steps of a quarter and less show its slope, relative: rounding over the step, h^8 of truncation."""

# ---- double-double

EXACT_ULP = 0.5
"""What ``precision="exact"`` promises: the nearest number."""
