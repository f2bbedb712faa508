"""Modules applied to rows and to codes, chunk by chunk."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from torch import nn

from skae import AutoencoderTransformer
from skae._base.applying import _COPIES, MIN_ROWS, in_float64, map_codes, map_rows
from skae._rows.scaling import Scaling
from skae._rows.source import CHUNK_ROWS
from skae.architectures import MLP, TorchArchitecture

from .estimators import QUICK, every_encoder

MODULE = nn.Linear(1, 1)  # which says that all is on the CPU


@every_encoder
def test_inference_drops_nothing_out(cls, digits):
    model = cls(3, architecture=MLP((32,), dropout=0.5), early_stopping=False, max_iter=1)
    model.fit(digits)
    np.testing.assert_array_equal(model.transform(digits), model.transform(digits))
    codes = model.transform(digits)
    np.testing.assert_array_equal(model.inverse_transform(codes), model.inverse_transform(codes))


def test_rows_come_back_in_order_over_many_chunks(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    many = np.tile(digits, (6, 1))  # 2400 rows
    np.testing.assert_allclose(
        model.transform(many), np.tile(model.transform(digits), (6, 1)), atol=1e-4
    )
    back = model.inverse_transform(model.transform(many))
    np.testing.assert_allclose(back[2000:], back[:400], atol=1e-3)
    np.testing.assert_allclose(model.score_samples(many)[2000:], model.score_samples(digits))


def test_modules_that_work_in_place_or_in_float32_only_do_no_harm(digits):
    class InPlace(nn.Linear):
        def forward(self, x):
            x -= 0.5
            return super().forward(x.float())

    X = digits.astype(np.float32) / 16
    architecture = TorchArchitecture(InPlace, nn.Linear)
    model = AutoencoderTransformer(
        3, architecture=architecture, loss="log_loss", max_iter=1, random_state=0
    )
    kept = X.copy()
    model.fit(X)
    codes = model.transform(X)
    model.inverse_transform(codes)
    assert np.isfinite(model.score(X))
    np.testing.assert_array_equal(X, kept)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "container", [np.asarray, np.float16, np.float32, sparse.csr_array, pd.DataFrame]
)
def test_any_row_may_be_the_one_that_is_not_finite(container, value, digits):
    X = np.resize(digits, (2100, digits.shape[1]))
    fitted_to = pd.DataFrame(digits) if container is pd.DataFrame else digits
    model = AutoencoderTransformer(2, **QUICK).fit(fitted_to)
    X[2000, 3] = value
    for method in (model.transform, model.score_samples):
        with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
            method(container(X))


def test_values_beyond_float32_are_refused_not_turned_into_nan(digits):
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    for method in (model.transform, model.score_samples):
        with pytest.raises(ValueError, match="not finite"):
            method(digits * 1e60)
    with pytest.raises(ValueError, match="not finite"):
        model.inverse_transform(np.full((1, 2), 1e60))


class Seen:
    """A function of rows that notes how many it is given at once."""

    def __init__(self, function):
        self.function, self.n_rows = function, []

    def __call__(self, x, *told):
        self.n_rows.append(len(x))
        return self.function(x, *told)


AS_THEY_ARE = Scaling(np.zeros(3), 1.0)


def mapped(X, function, scaling=AS_THEY_ARE, allow_nan=False):
    return map_rows(function, X, scaling, MODULE, allow_nan=allow_nan, name="Thing")


@pytest.mark.parametrize(
    ("n_rows", "given"),
    [
        (1, [MIN_ROWS]),
        (MIN_ROWS - 1, [MIN_ROWS]),
        (MIN_ROWS, [MIN_ROWS]),
        (CHUNK_ROWS - 1, [CHUNK_ROWS - 1]),
        (CHUNK_ROWS, [CHUNK_ROWS]),
        (CHUNK_ROWS + 1, [CHUNK_ROWS, MIN_ROWS]),
        (2 * CHUNK_ROWS + 20, [CHUNK_ROWS, CHUNK_ROWS, 20]),
    ],
)
def test_rows_are_given_in_chunks_that_are_never_small(n_rows, given):
    X = np.random.default_rng(0).normal(size=(n_rows, 3))
    function = Seen(lambda x: torch.stack([x, -x], dim=1))
    found = mapped(X, function, Scaling(np.ones(3), 2.0))
    assert function.n_rows == given
    expected = ((X - 1) / 2).astype(np.float32)
    np.testing.assert_allclose(found, np.stack([expected, -expected], axis=1), rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64, torch.int64])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_results_are_of_the_functions_dtype(make, dtype):
    X = np.arange(6.0).reshape(2, 3)
    found = mapped(make(X), lambda x: x[:, 0].to(dtype))
    assert found.tolist() == [0, 3]
    assert torch.from_numpy(found).dtype == dtype


@pytest.mark.parametrize(("value", "what"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_the_block_that_is_not_finite_is_refused_before_the_function_sees_it(value, what):
    X = np.ones((3 * CHUNK_ROWS, 3))
    X[CHUNK_ROWS + 7, 1] = value
    function = Seen(lambda x: x)
    with pytest.raises(ValueError, match=f"Input X contains {what}"):
        mapped(X, function)
    assert function.n_rows == [CHUNK_ROWS]
    if what == "NaN":
        with pytest.raises(ValueError, match="Thing does not accept missing values"):
            mapped(X, function)
        found = mapped(X, function, allow_nan=True)
        np.testing.assert_array_equal(found, X.astype(np.float32))
    else:
        with pytest.raises(ValueError, match="Input X contains infinity"):
            mapped(X, function, allow_nan=True)


def test_large_rows_are_finite_though_their_sum_is_not():
    X = np.full((20, 3), 3e38, dtype=np.float32)
    np.testing.assert_array_equal(mapped(X, lambda x: x), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_are_decoded_in_their_dtype_and_told_their_labels(dtype):
    n_rows = CHUNK_ROWS + 5
    Z, y = np.random.default_rng(0).normal(size=(n_rows, 1)).astype(dtype), np.arange(n_rows)
    decode = Seen(lambda z, y: torch.cat([z, z + 1, y[:, None] / 1000], dim=1))
    scaling = Scaling(np.full(3, 5.0), 2.0, (np.full(3, 2.0), np.full(3, 6.5)))
    found = map_codes(decode, Z, (y,), scaling, MODULE)
    assert decode.n_rows == [CHUNK_ROWS, 5]
    assert found.dtype == dtype
    expected = 2 * np.column_stack([Z, Z + 1, y / 1000]) + 5
    np.testing.assert_allclose(found, expected.clip(2, 6.5), rtol=1e-6)


def test_scores_are_taken_in_double_precision_from_a_copy():
    module = nn.Linear(3, 2)
    double, dtype = in_float64(module, lambda module, x: module(x), 3)
    assert dtype == double.weight.dtype == torch.float64
    assert module.weight.dtype == torch.float32


def test_what_works_in_float32_only_is_scored_there():
    class Strict(nn.Linear):
        def forward(self, x):
            return super().forward(x.float())  # beside weights in float64

    module = Strict(3, 2)
    assert in_float64(module, lambda module, x: module(x), 3) == (module, torch.float32)


def test_an_error_that_is_no_matter_of_precision_is_told():
    with pytest.raises(AttributeError, match="absent"):
        in_float64(nn.Linear(3, 2), lambda module, x: module.absent(x), 3)


@torch.inference_mode()
def negative_squares(module, x):
    return -module(x).square().sum(dim=1)


def set_past_torch(module):
    module[0].weight.data.mul_(2)


def replace_part(module):
    module[1] = nn.Tanh()


def change_attribute(module):
    module[1].negative_slope = 0.5


def add_hook(module):
    module[1].register_forward_hook(lambda part, args, output: output + 1)


def let_learn(module):
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(torch.ones(2, 3)).sum().backward()
    optimizer.step()


def normalize(module):
    module[2].train()(torch.randn(9, 4))
    module[2].eval()


@pytest.mark.parametrize(
    "change",
    [set_past_torch, replace_part, change_attribute, add_hook, let_learn, normalize],
    ids=lambda change: change.__name__,
)
def test_the_copy_that_is_kept_is_never_older_than_the_module(change):
    module = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(), nn.BatchNorm1d(4)).eval()
    x = torch.randn(20, 3)
    before, _ = in_float64(module, negative_squares, 3)
    assert in_float64(module, negative_squares, 3)[0] is before
    old = negative_squares(before, x.double())
    change(module)
    found = negative_squares(in_float64(module, negative_squares, 3)[0], x.double())
    assert not torch.allclose(found, old, rtol=1e-3)
    torch.testing.assert_close(found.float(), negative_squares(module, x), rtol=1e-4, atol=1e-5)


def test_a_copy_of_a_users_module_is_made_anew():
    """Nothing tells what it holds beside its weights."""

    class Shifted(nn.Linear):
        shifts = [0.0]

        def forward(self, x):
            return super().forward(x) + self.shifts[0]

    module = Shifted(3, 2)
    copies = [in_float64(module, negative_squares, 3)[0] for _ in range(2)]
    assert copies[0] is not copies[1]


def test_copies_go_with_their_modules_and_stay_out_of_pickles(digits):
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    size = len(pickle.dumps(model))
    expected = model.score_samples(digits)
    assert len(pickle.dumps(model)) == size
    again = copy.deepcopy(model)
    assert (again.partial_fit(digits).score_samples(digits) != expected).any()
    np.testing.assert_array_equal(model.score_samples(digits), expected)
    kept = weakref.ref(_COPIES[model.module_].double)
    del model, again
    gc.collect()
    assert kept() is None


def test_arrays_that_need_no_look_are_looked_at_all_the_same(digits):
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    expected = model.transform(digits)
    for X in (digits.astype(">f8"), digits.tolist(), np.asfortranarray(digits)):
        np.testing.assert_array_equal(model.transform(X), expected)
    for X, message in ((digits[:, :9], "expecting 64 features"), (digits[:0], "0 sample")):
        with pytest.raises(ValueError, match=message):
            model.transform(X)
    large = np.full((2, 64), 1e38, dtype=np.float32)  # their sum is infinite
    assert model._validate(large, reset=False) is large
    model.fit(pd.DataFrame(digits).add_prefix("pixel"))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.transform(digits)
