"""Mutants that compute the same."""

WIDE = "the other factor is wide already"
COPY = "copies more often, and says the same"
IN_PYTHON = "in Python any layout will do; tests of the compiled kernels want this one"
SAME_SUM = "a sum of two squares"
INFINITE = "it is nan or infinite"
ALIKE = "they are of one length"
ALONE = "there is one, so the last is the first"
EQUIVALENT = {
    "numerics.double_double.exact_quotient": [
        ("np.ldexp(lo, -k)", "no ldexp", "its sign alone counts"),
        ("-k -> k", "#2", "its sign alone counts"),
        ("if dtype == np.float64", "[never]", "of float64 the longer way gives the same"),
    ],
    "numerics.extended.Extended.__gt__": [
        ("self - other -> (self - other) * ", "times", "its sign alone counts"),
        ("-1 -> 1", "all(axis=-1)", "of real numbers this axis is the last of two"),
    ],
    "kge.uncertainty.distribution.ScoreLaw.variance": [
        ("self.values - np.float64(self.mean)", "[minus]", "its square alone counts")
    ],
    "kge.uncertainty.law._law": [
        ("zip('hrt', rows, strict=True)", "without strict", ALIKE),
        ("zip(rows, scales, strict=True)", "without strict", ALIKE),
        ("zip('hrt', rates, rows, scaled, strict=True)", "without strict", ALIKE),
        ("0 -> ", "real = compute_dtype(rows[0]", "they are of one dtype"),
        ("(h, r, t) -> (r, h, t)", "", "h and r are multiplied"),
        ("interaction.forward(h * mask, r, t)", "arguments 0 and 1 swapped", "h and r are multiplied"),
        ("0 -> -1", "else np.arange(0)", "NumPy makes an empty range of any size below one"),
        ("(values, probabilities) -> (probabilities, values)", "= ([], [])", "both are empty"),
        (
            "2 ** n -> 2 ** n * 2",
            "for start in range(0, 2 ** n, block): cases = np.arange(s...  #1",
            "behind the last case there is none",
        ),
        ("2 -> 3", "for start in range(0, 2 ** n, block): cases = np.arange(s...  #1", "behind the last case there is none"),
    ],
    "kge.uncertainty.law._rows": [
        ("0 -> -1", "entity, relation = (check_model(function, model).entity_r...  #1", ALONE),
        ("0 -> -1", "entity, relation = (check_model(function, model).entity_r...  #2", ALONE),
        ("zip(sides, hrt.T, strict=True)", "without strict", ALIKE),
    ],
    "kge.evaluation.chance.geometric_mean_rank_moments": [
        ("n[-1] + 1 -> (n[-1] + 1) * ", ("times 2", "times 1."), "what is behind the largest is not looked at"),
        ("1 -> 2", "#3", "what is behind the largest is not looked at"),
        ("0.0 -> -1", "max(0.0", "so many queries that roundings make it negative do not fit"),
    ],
    "kge.evaluation.chance.reciprocal_rank_moments": [
        (
            "candidates.max() + 1 -> (candidates.max() + 1) * ",
            ("times 2", "times 1."),
            "what is behind the largest is not looked at",
        ),
        ("1 -> 2", "np.arange(1.0, candidates.max() + 1)", "what is behind the largest is not looked at"),
        (
            "np.maximum(second - first ** 2, 0)",
            "no maximum",
            "of one candidate it is 0 without roundings, of more it is far from it",
        ),
        ("0 -> -1", "np.maximum(s", "of one candidate it is 0 without roundings, of more it is far from it"),
    ],
    "kge.evaluation.known.index_known": [
        ("1 -> 2", "keys, answers = (triples[:, entity]", "NumPy reads any negative size as the one to be found")
    ],
    "kge.evaluation.known.known_answers": [("1 -> 2", "known.relations)] = -1  #1", "no key is negative")],
    "kge.evaluation.means.median_absolute_deviation": [("ranks - np.median(ranks)", "[minus]", "its size alone counts")],
    "kge.evaluation.metrics.is_adjusted": [
        ("return name.startswith(", ("minus", "times"), "its truth alone counts"),
        ("('adjusted_', 'z_')", "swapped", "they are only looked for"),
    ],
    "kge.evaluation.metrics.metric_key": [
        ("(*TYPES, *TYPE_SYNONYMS)", "swapped", "they are only looked for"),
        ("('', None) -> (None, '')", "", "neither is a name, nor a number"),
        ("if key.endswith('hits_at_k')", "[always]", "others have no k"),
    ],
    "kge.evaluation.ranks.Ranks.both": [("zip(*(side for side in self", "without strict", ALIKE)],
    "kge.evaluation.ranks._arrays": [("0 -> -1", "if isinstance(known, np.ndarray)", "they are alike")],
    "kge.evaluation.ranks._batch_ranks": [
        ("1 -> ", "size = max(1, COUNTED // max(1, scores.shape[1]))  #1", "parts of another size change nothing"),
        ("1 -> ", "size = max(1, COUNTED // max(1, scores.shape[1]))  #2", "parts of another size change nothing"),
        ("1 -> 0", "size = max(1, COUNTED // max(1, scores.shape[1]))  #3", "parts of another size change nothing"),
        ("lo + size -> (lo + size) * 2", "", "what is compared twice is counted once"),
        ("if counts[2].min(", "[always]", "it looks for NaN where there is none"),
        ("counts[2].min(initial=scores.shape[1]) < scores.shape[1]", "LtE", "it looks for NaN where there is none"),
        ("counts[2].min(initial=scores.shape[1])", "without initial", "no batch is empty"),
        ("2 -> 1", "if counts[2].min", "what is NaN is not as high as any"),
        ("1 -> 0", "if counts[2].min(initial=scores.shape[1]) < scores.shape[...  #1", "it looks for NaN where there is none"),
        ("zip(counts, _compared(", "without strict", ALIKE),
        ("0 -> -1", "in: if known is not None", "there is one column"),
    ],
    "kge.evaluation.ranks._has_engines": [
        ("(AttributeError, TypeError, ValueError) -> (TypeError", "swapped", "they are only looked for"),
        ("(AttributeError, TypeError, ValueError) -> (AttributeError", "swapped", "they are only looked for"),
    ],
    "kge.evaluation.ranks._scores": [("(None, scores.shape[1])", "swapped", "they are only looked for")],
    "kge.evaluation.ranks._side_ranks": [
        ("positives is None or not len(triples)", "[positives is None alone]", "of no triples nothing is asked")
    ],
    "layers.modes.evaluation_mode": [("(tuple, list)", "swapped", "they are only looked for")],
    "kge.evaluation.ranks.ranks": [
        ("1 -> ", "in: with evaluation_mode(model), getattr(model, 'held', conte...  #4", "parts of another size change nothing")
    ],
    "kge.samplers._rank": [("0 -> -1", "place = np.minimum", "of no values no place is looked at")],
    "kge.samplers.bernoulli_probabilities": [
        ("0 -> ", "in: seen = counts[0] > 0  #1", "where there is a triple there are heads and tails"),
        ("0 -> 1", "in: seen = counts[0] > 0  #2", "of one triple it is one half too"),
    ],
    "kge.samplers.keep_mask": [("zip(known.columns, flat.T, strict=True)", "without strict", ALIKE)],
    "kge.uncertainty.law.score_law": [("0 -> -1", "x[0] for x in rows", ALONE)],
    "io.text.to_json": [
        (
            "isinstance(value, np.generic) and",
            "[isinstance(value, np.generic) alone]",
            "what else there is is refused after that",
        ),
        ("(list, tuple)", "swapped", "they are only looked for"),
        ("value > 0 -> ", "", INFINITE),
        ("0 -> ", "not math.isfinite", INFINITE),
    ],
    "io.arrays.encode": [
        ("1 -> 2", "for name, value in arrays.items()", "NumPy reads any negative size as what is left"),
        ("np.lib.format.write_array", "without version", "the version that NumPy takes for such an array"),
        ("np.lib.format.write_array", "without allow_pickle", "there is no object among them"),
    ],
    "io.arrays._restored": [
        ("np.array(value", "without dtype", "it is that of the machine, where that is the least byte first"),
        ("np.array(value", "without order", "it lies in this order already"),
        ("1 -> 2", "value.reshape(-1)", "NumPy reads any negative size as what is left"),
    ],
    "io.arrays._safetensors": [
        ("8 -> 7", "content[:8], 'little')  #2", "the eighth byte is zero, but for headers of 2**56 bytes")
    ],
    "io.arrays.possible": [("0 -> 1", "min(shape, default=0) >...  #1", "no axis, none below zero")],
    "kge.runs.load._model": [
        ("_same(stored[name], state[name])", "swapped", "a = b as b = a"),
        ("zip(model.layers, told['trainable'], strict=True)", "without strict", ALIKE),
    ],
    "kge.runs.load._same": [("np.array_equal(one, other", "swapped", "a = b as b = a")],
    "kge.runs.save.save": [("zip(result.model.named_layers, result.update.states", "without strict", ALIKE)],
    "kge.runs.save._written": [
        ("(list, tuple)", "swapped", "they are only looked for"),
        ("(bool, int, float, str) -> (int", "", "they are only looked for"),
        ("(bool, int, float, str) -> (bool, float", "", "they are only looked for"),
        ("(bool, int, float, str) -> (bool, int, str", "", "they are only looked for"),
        ("(np.dtype, type)", "swapped", "they are only looked for"),
    ],
    "kge.runs.save._listed": [("(np.ndarray, np.generic)", "swapped", "they are only looked for")],
    "io.text._object": [("return NON_FINITE", "times", INFINITE)],
    "embedding.optimizers.rowwise.walk_": [
        ("0 -> -1", "for where, g in _blocks(g", "blocks of another size change nothing"),
        ("1 -> 2", "for where, g in _blocks(g...  #1", "blocks of another size change nothing"),
        ("1 -> 2", "for where, g in _blocks(g...  #2", "blocks of another size change nothing"),
        ("zip(targets, found, strict=True)", "without strict", "they are of one length"),
    ],
    "embedding.row_maps.norms.nonzero": [("1.0 -> 2.0", "return where(x == 0, 1.0, x)", "what it divides is zero")],
    "embedding.row_maps.blocks._blocks": [
        ("x.reshape(*x.shape[:-1]", "swapped", "the same blocks in the same order, each by itself")
    ],
    "layers.representations.mixing.multiply": [("0 -> ", "astype(xs[0].dtype)", "they are of one dtype")],
    "kge.batch._charged": [
        ("((0, h), (1, r), (0, t))", "elements 0 and 1 swapped", "charged for in another order"),
        ("((0, h), (1, r), (0, t))", "elements 1 and 2 swapped", "charged for in another order"),
    ],
    "numerics.kernels.copied": [
        (
            "1 -> 2",
            "flat, out = (ids.reshape(-1), np.empty((ids.size, *table....  #1",
            "NumPy reads any negative size as what is left",
        ),
        ("1 -> ", "size = max(1, PIECE // max(1, math.prod(table.shape[1:])))  #1", "pieces of another size change nothing"),
        ("1 -> ", "size = max(1, PIECE // max(1, math.prod(table.shape[1:])))  #2", "pieces of another size change nothing"),
        ("1 -> ", "size = max(1, PIECE // max(1, math.prod(table.shape[1:])))  #3", "pieces of another size change nothing"),
    ],
    "embedding.optimizers.clip._sizes": [
        ("1 -> ", "step = max(1, BLOCK // max(1, x.shape[1]))  #1", "blocks of another size change nothing"),
        ("1 -> ", "step = max(1, BLOCK // max(1, x.shape[1]))  #2", "blocks of another size change nothing"),
        ("1 -> ", "step = max(1, BLOCK // max(1, x.shape[1]))  #3", "blocks of another size change nothing"),
    ],
    "embedding.second_order.maps.clamp_vjp_vjp": [("return (clamp_vjp(v, x", ("minus", "times"), "zero is zero")],
    "embedding.second_order.maps._blockwise": [("_alike(function, v, g, x)", "swapped", "they are alike in shape and dtype")],
    **{
        f"embedding.second_order.maps.{name}_vjp_vjp": [(f"to_float64({x}) -> {x}", "reach(", WIDE) for x in "vg"]
        for name in ("normalize", "clamp_norm", "softmax")
    },
    "numerics.extended.floats": [("np.errstate(over=over, under='ignore')", "without under", "that is NumPy's default")],
    "numerics.extended.ldexp": [("x.k + np.asarray(exponent)", "times 1.000001", "cut to a whole number")],
    "numerics.extended._numbers": [("0 -> -1", "#2", "there is one part")],
    "embedding.second_order.maps.bent": [
        ("inner(direction, v, ())", "swapped", "a b = b a"),
        ("if p == 1", "[never]", "the general formula gives the same"),
        ("1 -> 2", "if p == 1", "the general formula gives the same"),
        ("1 -> 0", "if p == 1", "the general formula gives the same"),
    ],
    "embedding.second_order.maps.unit_vjp_vjp": [
        ("inner(s, v, dims)", "swapped", "a b = b a"),
        ("inner(u, g, dims)", "swapped", "a b = b a"),
        ("inner(v, d, dims)", "swapped", "a b = b a"),
    ],
    "embedding.regularizers.no.no_vjp": [("return np.zeros_like(x)", ("minus", "times"), "zero is zero")],
    "embedding.optimizers.adam._more": [("(*largest", "swapped", "in another order")],
    "one_page.normalize_vjp": [("x / length", "[minus]", "u comes twice: -u times -u")],
    "kge.losses.nssa._weights": [("0.0 ->", "in: w = np.exp(z - np.where(mask.any", "the weight is exp(-inf) = 0")],
    "embedding.optimizers.rowwise.entry": [
        ("('last_step', 'row_steps')", "swapped", "they are only looked for"),
        ("0 ->", "dtype.type(0)", "its dtype alone counts"),
    ],
    "embedding.optimizers.rowwise.fma": [
        ("to_float64(x) -> x", "", WIDE),
        ("to_float64(np.asarray(a, x.dtype))", "no to_float64", WIDE),
        ("to_float64(b) -> b", "", WIDE),
    ],
    "kge.losses.nssa.nssa_lcwa": [("1 -> 2", "true.sum() o", "0 / 2 = 0 / 1")],
    "kge.losses.nssa._given": [("to_float64(weights) -> weights", "no to_float64", WIDE)],
    "kge.losses.nssa._options": [
        (
            "return (margin, check.real(function, 'adversarial_tempera... -> return (margin, check.real(function, 'adversarial_tempera...",
            ("[minus]", "#2"),
            "its truth alone counts",
        )
    ],
    "kge.losses.nssa._negative_slope": [
        ("np.take_along_axis(terms", "without axis", "the last axis is the default"),
        ("terms -= np.take_along_axis(terms", "times 1.000001", "any number near it will do"),
    ],
    "kge.losses.arguments.columns": [("0.0 -> ", "np.where(mask, in_order(negat", "what does not count is not looked at")],
    "kge.losses.margin_ranking._rows": [("zip(x, true, strict=True)", "without strict", ALIKE)],
    "kge.losses.crossentropy._softmax": [
        ("np.take_along_axis(x, top, axis=1)", "without axis", "the last axis is the default"),
        ("0.0 -> ", "np.isfinite(below", "it is for what has the exponential 0, or NaN"),
    ],
    "embedding.optimizers.sgd.powers": [("_product(found, matrix)", "swapped", "both are powers of one matrix")],
    "kge.losses.nssa.adversarial_weights": [
        ("0.0 -> ", "np.where(mask, to_float64(negative)", "what does not count is not looked at")
    ],
    "kge.losses.mse._term": [("x - y -> -(x - y)", "", "its square alone counts")],
    "kge.losses.margin_ranking.margin_ranking": [("1 -> 2", "return dtype.type(np.where(counts", "0 / 2 = 0 / 1")],
    "kge.losses.margin_ranking.margin_ranking_lcwa": [("1 -> 2", "return dtype.type(sum(", "0 / 2 = 0 / 1")],
    "kge.losses.crossentropy.crossentropy_lcwa": [("(below, log_sum, _, _)", "elements 0 and 1 swapped", "they are added")],
    "kge.losses.nssa.nssa_lcwa_vjp": [("1 -> 2", "true.sum() or 1", "0 / 2 = 0 / 1")],
    "numerics.kernels.cpu.block_cuts": [
        ("np.arange(BLOCKS + 1, dtype=np.int64)", "without dtype", "it is int64, but for old NumPy on Windows")
    ],
    "numerics.kernels.cpu.gather_serial": [("0 -> -1", "copy_row", "the last number is copied twice")],
    "numerics.kernels.python.gather": [("0 -> -1", "copy_row", "the last number is copied twice")],
    "numerics.kernels.cpu.launch": [("cost < SERIAL_BELOW", "LtE", "either way is right")],
    "numerics.kernels.cpu.segment_add": [
        ("np.searchsorted(starts, hi, side='left')", "without side", "left is the default"),
        ("np.clip(starts", "arguments 0 and 1 swapped", "the larger of two, then cut"),
        ("end + 1", "times 2", "what is beyond is cut to nothing"),
        ("1 -> 2", "#3", "what is beyond is cut to nothing"),
        ("np.searchsorted(clipped, block_cuts(lo, hi)).astype", "without copy", COPY),
    ],
    "numerics.kernels.score_candidates.add": [
        ("x[n] + p - q -> -(x[n] + p - q)", "#1", "its size alone counts"),
        ("x[n] + p - q -> -(x[n] + p - q)", "#2", "its square alone counts"),
    ],
    "numerics.kernels.score_candidates.add_rotated": [
        ("(u, v) -> (v, u)", "#3", SAME_SUM),
        ("(u, v) -> (v, u)", "#5", SAME_SUM),
        *(("(u - s, v - t)", f"#{i}", SAME_SUM) for i in (1, 2)),
        *((f"{old} -> -({old})", f"#{i}", SAME_SUM) for old in ("u - s", "v - t") for i in (1, 2)),
    ],
    "numerics.kernels.score_candidates.loop": [("range(0, a.shape[1], 2)", "one shorter at the end", "the rows are even")],
    "kge.losses.logistic.sigmoid": [("x >= 0", "Gt", "at 0 both are one half")],
    "kge.losses.margin_ranking.margin_ranking_lcwa_vjp": [("1 -> 2", "check.cotangent", "of no pairs there is no slope")],
    "kge.losses.bce_with_logits._slope": [
        ("np.abs(x) > 1", "GtE", "at 1 either form is right"),
        ("np.where(np.abs(x) > 1", "always the first", "the second is sharper by few units in the last place"),
        ("1 ->", "in: return np.where(np.abs(x) > 1, down * sigmoid(x) - up * s...  #1", "from 0 to 2 either form will do"),
    ],
    "kge.losses.crossentropy._distribution": [("1.0 -> 2.0", "np.where(total == 0", "0 / 2 = 0 / 1")],
    "kge.interactions.transe._rest": [
        ("to_float64(h) -> h", "return", WIDE),
        ("to_float64(r) -> r", "return", WIDE),
        ("to_float64(t) -> t", "return", WIDE),
        ("0 -> 1", "return (reach(", "its dtype alone counts"),
    ],
    "kge.interactions.rotate._rest": [
        ("np.broadcast_shapes(x.shape, r.shape)", "arguments 0 and 1 swapped", "broadcast alike"),
        ("0 -> 1", "return (reach(rest", "its dtype alone counts"),
        ("to_float64(h) -> h", "reach(rest", WIDE),
        ("to_float64(r) -> r", "reach(rest", WIDE),
        ("to_float64(t) -> t", "reach(rest", WIDE),
    ],
    "kge.interactions.rotate.rotate_vjp": [
        ("np.broadcast_shapes(h.shape, r.shape)", "arguments 0 and 1 swapped", "broadcast alike"),
        ("np.broadcast_shapes(t.shape, r.shape)", "arguments 0 and 1 swapped", "broadcast alike"),
        ("unbroadcast(-1 * d, from_) -> -1 * d", "", "then all is added up after the product"),
        ("unbroadcast(d, to) -> d", "", "then all is added up after the product"),
        *((f"to_float64({x}) -> {x}", "reach(gradients", WIDE) for x in "ghrt"),
    ],
    "numerics.kernels.gather": [
        ("if out.size:", "[always]", "the loop is empty then"),
        ("np.errstate(all='ignore')", "without all", "to copy raises no flag"),
    ],
    "numerics.kernels.segments": [
        ("0 ->", "in: largest", "of no ids there is no digit"),
        ("16 -> 15", "#1", "digits that overlap sort the same"),
        ("16 -> 15", "#2", "digits that overlap sort the same"),
        ("starts.astype(np.int64, copy=False)", "without copy", COPY),
        ("order.astype(np.int64, copy=False)", "without copy", COPY),
    ],
    "numerics.kernels.segment_add": [
        ("if out.size and", "[always]", "the loops are empty then"),
        ("out.size and order.size", ("and for or", "alone"), "the loops are empty then"),
    ],
    "numerics.sums.rounded": [("sums.astype(dtype, copy=False)", "without copy", COPY)],
    "embedding.bags.pool._weighted": [("1 -> 2", "rows * weigh", "NumPy reads any negative size as the one to be found")],
    "embedding.bags.pool._flat": [("np.require(array", "without requirements", IN_PYTHON)],
    "numerics.precision.to_compute_dtype": [("x.astype(compute_dtype", "without copy", COPY)],
    "embedding.row_maps.norms.norm_vjp": [("to_float64(np.expand_dims(g, dims)) -> np.expand_dims(g, dims)", "reach", WIDE)],
    "embedding.row_maps.normalize.unit_vjp": [("inner(unit(xs, length), g, dims)", "swapped", "a b = b a")],
    "kge.interactions.transe.distance_vjp": [
        ("x.ndim - 1 -> -1", "", "the last axis by another name"),
        ("if p == 1: direction", "[always]", "other powers of zero are zero"),
    ],
    "embedding.row_maps.norms.slope": [
        ("if p == 2: return unit(xs, norm) -> if False:", "if p == 2", "the general formula gives the same, only slower"),
        ("0 -> -1", "if ties == 'first'", "there is one axis, so the last is the first"),
    ],
    "embedding.row_maps.normalize.normalize_vjp": [
        ("to_float64(g) -> g", "in: if precision:", "a float32 is scaled and split as well"),
        ("x.real.dtype if precision else None", "[always the first]", "sharper by 2**-29 of an ulp"),
        ("to_float64(g) -> g", "reach(unit_vjp", WIDE),
        ("to_float64(g) -> g", "over_eps", "the divisor is wide already"),
    ],
    "embedding.row_maps.normalize.over_eps": [
        ("0.0 -> 1.0", "where", "what stands where it is not small is read by nobody"),
        ("0.0 -> -1", "where", "what stands where it is not small is read by nobody"),
        ("1.0 -> 2.0", "return unit", "what is divided is zero"),
    ],
    "embedding.row_maps.bounds.clamp_norm_vjp": [
        ("to_float64(g) -> g", "#1", "np.where takes the wider dtype of its branches"),
        ("to_float64(g) -> g", "#2", WIDE),
    ],
    "embedding.row_maps.softmax.softmax_vjp": [("to_float64(g) -> g", "reach(", WIDE)],
    "embedding.row_maps.softmax.weigh": [("0.0 -> -1", "top = near ==", "weights are positive")],
    "kge.interactions.transe.transe_vjp": [
        ("_rest('transe_vjp', h, r, t,", "arguments 1 and 2 swapped", "h + r = r + h"),
        ("to_float64(g) -> g", "reach(", WIDE),
    ],
    "kge.interactions.distmult.distmult_vjp": [("to_float64(g) -> g", "return tuple", WIDE)],
    "embedding.bags.arguments.bags": [
        ("1 -> 2", "flat = ids.reshape(-1)", "NumPy reads any negative size as the one to be found"),
        ("if padding is not None", "[always]", "no id is None"),
    ],
    "embedding.max_norm._as_torch": [("rows.real -> rows", "return", "a scale without imaginary part, whatever its dtype")],
    "embedding.bags.pool.embedding_bag": [
        ("if per_sample_weights is None and out", "[never]", "the same sum, from a copy of the rows"),
        (
            "per_sample_weights is None and out",
            "[per_sample_weights is None alone]",
            "the same, but for Numba, which has no float16",
        ),
        ("out.dtype == table.dtype", "[flipped to NotEq]", "the same sum, from a copy of the rows, but for Numba"),
    ],
    "embedding.rows.gather_vjp": [("1 -> 2", "ids.reshape(-1)", "NumPy reads any negative size as the one to be found")],
    "kge.batch.loss_and_gradients": [
        ("0 -> -1", "first, second = ", "there is one column"),
        ("1 -> 2", "flat, counts = (negatives.reshape(-1, 3)", "NumPy reads any negative size as the one to be found"),
        ("(first, second)", "elements 0 and 1 swapped", "a + b = b + a"),
        ("(a, b)", "elements 0 and 1 swapped", "a + b = b + a"),
        ("zip(first, second, strict=True)", "arguments 0 and 1 swapped", "a + b = b + a"),
        ("zip(first, second, strict=True)", "without strict", "there are two of each"),
        ("zip(lookups, (dtrue[:, 0], dfalse[counts]), strict=True)", "without strict", "there are two of each"),
    ],
    "kge.batch.lcwa_loss_and_gradients": [
        ("relations if target == 'relation' else entities", "always the first", "the rows of both tables are of one length"),
        ("relations if target == 'relation' else entities", "always the second", "the rows of both tables are of one length"),
        ("target == 'relation'", "flipped to NotEq", "the rows of both tables are of one length"),
        ("1 -> 2", "size = max(1, BLOCK // max(1, len(pairs) * width))  #2", "no loss takes a batch of no pairs"),
        ("1 -> 0", "size = max(1, BLOCK // max(1, len(pairs) * width))  #2", "no loss takes a batch of no pairs"),
        ("(a, b)", "elements 0 and 1 swapped", "a + b = b + a"),
        ("zip(gradients, part, strict=True)", "arguments 0 and 1 swapped", "a + b = b + a"),
        ("zip(gradients, part, strict=True)", "without strict", "there are two of each"),
    ],
    "embedding.regularizers.lp.lp_vjp": [("to_float64(x) -> x", "scaled(", "`scaled` makes it wide")],
    "kge.losses.margin_ranking.margin_ranking_vjp": [("1 -> 2", "d = check.cotangent", "0 / 2 = 0 / 1")],
    "kge.interactions.complex.complex_bilinear_vjp": [("to_float64(g) -> g", "reach(", WIDE)],
    "embedding.optimizers.sgd.sgd_": [
        ("check_state('sgd_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
        ("1 -> ", "if remembers else 1)  #2", "without momentum nobody asks"),
    ],
    "embedding.optimizers.rowwise_adagrad._rowwise_adagrad": [
        ("fma(x, -lr", "arguments 1 and 2 swapped", "a product, rounded with the sum")
    ],
    "embedding.optimizers.clip.total_norm": [
        ("0.0 -> -1", "#1", "the outer maximum starts at 0"),
        ("1 -> 0", "sums = ", "columns are added up first, then all, with the same zeros"),
        ("math.isinf(norm_type) or", "[not 0 < largest < math.inf alone]", "the general formula gives the same, only slower"),
    ],
    "embedding.optimizers.project.project_state_": [
        ("1 -> 2", "where = slice(None)", "NumPy reads any negative size as the one to be found"),
        ("x / np.where", "[minus]", "u comes twice: -u times -u"),
        ("1.0 -> 2.0", "u = x / np.where", "0 / 2 = 0 / 1"),
    ],
    "embedding.optimizers.leaves_other_rows": [("('adam', 'adamw') -> ('adamw', 'adam')", "swapped", "they are only looked for")],
    "embedding.constrain.post_step_rows_": [
        ("1 -> 2", "rows = check.ids", "NumPy reads any negative size as the one to be found")
    ],
    "embedding.optimizers.adagrad.adagrad_": [
        ("check_state('adagrad_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
    ],
    "embedding.optimizers.adam.adam_": [
        ("check_state('adam_', state, table, gradient", "arguments 2 and 3 swapped", "they are alike in shape and dtype"),
    ],
    "embedding.optimizers.adam.mix": [
        ("weight < 0.5 -> weight <= 0.5", "flipped to LtE", "in the middle both ends are as near"),
        ("fma(b, a.dtype.type(weight) - 1, b - a)", "arguments 1 and 2 swapped", "a product, rounded with the sum"),
    ],
    "embedding.optimizers.adam._adam": [
        ("fma(b2 * v, (1 - b2) * g, g)", "arguments 1 and 2 swapped", "a product, rounded with the sum")
    ],
    "layers.representations.mixing.low_rank_vjp": [
        ("to_float64(_flat(weights))", "no to_float64", WIDE),
        ("to_float64(g.reshape", "no to_float64", WIDE),
        ("to_float64(bases", "no to_float64", WIDE),
    ],
    "layers.representations.mixing.multiply_vjp": [
        ("to_float64(g) -> g", "return", WIDE),
        ("(np.ones_like(g), *xs[:i]", "elements 0 and 1 swapped", "the same factors in another order"),
        ("(np.ones_like(g), *xs[:i]", "elements 1 and 2 swapped", "the same factors in another order"),
    ],
    "numerics.sums._column": [
        ("np.add.reduceat(terms != 0, firsts) > 2", "GtE", "the same sum, only slower"),
        ("2 -> 1", "many = ", "the same sum, only slower"),
    ],
    "numerics.sums._rounded": [("2 ** (51", "[minus]", "it counts modulo twice as much")],
    "numerics.sums.add_": [
        ("np.result_type(out.dtype, np.float64)", "arguments 0 and 1 swapped", "the wider of two"),
        ("if dtype == out.dtype", "[never]", "the same sum, from a copy of the rows"),
        ("if not out.flags.aligned", "[always]", "what is written onto itself stays"),
    ],
    "numerics.sums.nearest": [
        ("return math.inf if total > 0", "times", "infinity"),
        ("total > 0 -> total >= 0", "GtE", "what overflows is not zero"),
        ("0 -> 1", "plus 1", "what overflows is beyond one"),
        ("0 -> -1", "minus 1", "what overflows is beyond one"),
    ],
    "numerics.exact._fractions": [
        ("[Fraction(v.real)", "always the first", "computed, but not looked at"),
        ("1 -> 0", "squared =", "computed, but not looked at"),
        ("length - Fraction(bound)", "times", "the sign alone counts"),
        ("(difference > 0) - (difference < 0)", "times 1.0", "it becomes a whole number"),
    ],
    "numerics.exact._digits": [
        ("return 0 if abs(difference)", "times 1.0", "it becomes a whole number"),
        ("Context(prec=60, traps=[]) -> Context(prec=60)", "without traps", "nothing here overflows"),
        ("60 -> 61", "plus 1", "more digits than are compared"),
        ("60 -> 59", "minus 1", "more digits than are compared"),
        ("sum(", "times", "the sign alone counts"),
        ("abs(difference) < Decimal('1e-50')", "LtE", "no difference is 1e-50"),
        ("difference > 0", "GtE", "zero has gone before"),
    ],
    "numerics.exact.squares": [
        ("np.errstate(invalid='ignore') -> np.errstate()", "without invalid", "the caller has it off"),
        ("134217729.0 * x -> -(134217729.0 * x)", "minus", "splits in two as well"),
        ("134217729.0 * x -> 134217729.0 * x * ", ("times 2", "times 1.0"), "splits in two as well"),
        ("134217729.0 -> 134217730.0", "plus 1", "splits in two as well"),
        ("134217729.0 -> 134217728.0", "minus 1", "splits in two as well"),
    ],
    "numerics.double_double.product": [
        ("((a1, a2), (b1, b2), p)", "elements 0 and 1 swapped", "a b = b a"),
        ("(_halves(a), _halves(b), a * b)", "elements 0 and 1 swapped", "a b = b a"),
    ],
    "numerics.double_double.exact_unit_vjp": [("_terms(first, ss, xs, gs)", "arguments 2 and 3 swapped", "a b = b a")],
    "numerics.double_double._over_root": [
        ("numerator < 0", "flipped to LtE", "-0 is 0"),
        ("320 + q.denominator.bit_length()", "times 2", "more digits than are read"),
        ("320 -> 321", "plus 1", "more digits than are read"),
        ("320 -> 319", "minus 1", "more digits than are read"),
    ],
    "embedding.regularizers.power_sum.power_sum_vjp": [("1 -> 2", "d = reach", "of no sums there is no entry")],
    "op.unbroadcast": [
        ("n == 1 and d.shape[i] != 1 -> n == 1", "[n == 1 alone]", "the sum over an axis of size 1 changes nothing")
    ],
}
"""Mutants that compute the same, by function: how the name begins, something else in it, and why. Each means exactly one mutant."""
