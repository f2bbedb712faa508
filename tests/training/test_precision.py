"""Products in bf16: of layers, in training, where there are units for them; all else in float32."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skae import AutoencoderTransformer
from skae._training import precision
from skae._training.precision import BFloat16Products, what_is_missing
from skae.metrics import explained_variance, reconstruction_error

from .nets import CPU

SETTINGS = {"hidden_layer_sizes": (32,), "init": "random", "batch_size": 50, "random_state": 0}


@pytest.fixture
def with_units(monkeypatch):
    """A processor that has them: without, all is the same but slower."""
    monkeypatch.setattr(precision, "what_is_missing", lambda device: None)


def fitted(X, **settings):
    return AutoencoderTransformer(8, **{**SETTINGS, "max_iter": 10, **settings}).fit(X)


def test_it_learns_as_much_and_gives_what_float32_gives(digits, with_units):
    X, X_val = digits[:300], digits[300:]
    low, full = (fitted(X, precision=name) for name in ("bfloat16", "float32"))
    assert abs(explained_variance(low, X_val) - explained_variance(full, X_val)) < 0.01
    assert {value.dtype for value in low.module_.state_dict().values()} == {torch.float32}
    again = fitted(X, precision="bfloat16").transform(X_val)
    assert not np.array_equal(again, full.transform(X_val))
    np.testing.assert_array_equal(again, low.transform(X_val))
    full.module_.load_state_dict(low.module_.state_dict())
    np.testing.assert_array_equal(again, full.transform(X_val))


def test_epochs_are_judged_in_float32_and_the_next_fit_may_be_in_another(digits, with_units):
    X, X_val = digits[:200], digits[200:]
    model = AutoencoderTransformer(8, **SETTINGS, max_iter=2, warm_start=True)
    for name in ("bfloat16", "float32"):
        model.set_params(precision=name).fit(X, X_val=X_val)
        error = reconstruction_error(model, X_val)
        np.testing.assert_allclose(model.reconstruction_err_, error, rtol=1e-5)


def test_without_units_it_is_float32_with_a_word(digits, monkeypatch):
    monkeypatch.setattr(precision, "_flags", frozenset)
    X = digits[:100]
    with pytest.warns(UserWarning, match="trains in float32 here.*'cpu'.*amx_bf16") as said:
        found = fitted(X, precision="bfloat16", init="auto")  # from two starts
    assert [one.filename for one in said] == [__file__]
    np.testing.assert_array_equal(found.transform(X), fitted(X, init="auto").transform(X))


def test_models_from_before_it_was_a_parameter_have_float32(digits):
    model = fitted(digits[:50], max_iter=1)
    del vars(model)["precision"]
    assert pickle.loads(pickle.dumps(model)).get_params()["precision"] == "float32"


LAYERS = {
    "dense": (nn.Linear(5, 4), (3, 5)),
    "convolution": (nn.Conv1d(2, 4, 3), (3, 2, 6)),
    "transposed": (nn.ConvTranspose2d(2, 4, 3), (3, 2, 6, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_given_float32_and_give_it_back(name):
    layer, shape = LAYERS[name]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    with BFloat16Products():
        found = layer(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, found.bfloat16().float())
    torch.testing.assert_close(found, layer(x), rtol=0.02, atol=0.02)
    gradients = torch.autograd.grad(found.square().sum(), [x, *layer.parameters()])
    assert {gradient.dtype for gradient in gradients} == {torch.float32}


def test_nothing_else_is_rounded():
    a = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    layer = nn.Linear(5, 2).double()
    with BFloat16Products():
        found = a @ a, nn.functional.mse_loss(a, a + 1), layer(a.double())
    expected = a @ a, nn.functional.mse_loss(a, a + 1), layer(a.double())
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_units_are_looked_for(monkeypatch):
    def cuda(*capability):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        return what_is_missing(torch.device("cuda"))

    assert cuda(8, 0) is None
    assert "(7, 5), below (8, 0)" in cuda(7, 5)
    assert "not known" in what_is_missing(torch.device("mps"))
    for flags in ({"avx512f", "amx_bf16"}, {"avx512_bf16"}, {"asimd", "bf16"}):
        monkeypatch.setattr(precision, "_flags", lambda flags=flags: flags)
        assert what_is_missing(CPU) is None
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert "oneDNN" in what_is_missing(CPU)


def test_the_flags_are_those_of_the_processor(tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "Path", lambda path: file)
    for line in ("flags\t\t: fpu avx512_bf16", "Features\t: fp asimd bf16"):
        file.write_text(f"processor\t: 0\nmodel name\t: of bf16\n{line}\nbugs\t\t: none\n")
        assert precision._flags.__wrapped__() == {*line.split()}
    file.unlink()
    assert precision._flags.__wrapped__() == set()
