"""Convolutional networks on images of any shape."""

import numpy as np
import pytest
import torch

from skae.architectures import ConvNet
from skae.architectures._conv import FromImage, ToImage

SETTINGS = [
    {},
    {"upsampling": "transposed"},
    {"downsampling": "max_pooling", "dropout": 0.2},
    {"downsampling": "average_pooling", "kernel_size": 4},
    {"strides": (3, 1), "kernel_size": 5, "upsampling": "transposed"},
    {"decoder_channels": (5,)},
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": (7, 6), "activation": "relu"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("image_shape", [(8, 8), (7, 10), (5, 9, 3), (1, 4)])
def test_any_image_comes_back_in_its_shape(image_shape, settings):
    n_features = torch.tensor(image_shape).prod().item()
    architecture = ConvNet(image_shape, channels=(4, 6), **settings)
    codes = architecture.make_encoder(n_features, 3)(torch.randn(5, n_features))
    assert codes.shape == (5, 3)
    assert architecture.make_decoder(3, n_features)(codes).shape == (5, n_features)


def test_settings_may_be_numpy_integers():
    architecture = ConvNet(
        np.array([8, 8]), channels=np.array([4, 6]), strides=np.int64(2), kernel_size=np.int64(3)
    )
    assert architecture.make_encoder(64, 3)(torch.zeros(2, 64)).shape == (2, 3)


def test_rows_are_images_with_their_channels_last():
    images = torch.randn(2, 4, 5, 3)
    maps = ToImage((4, 5, 3))(images.flatten(1))
    torch.testing.assert_close(maps, images.movedim(3, 1))
    torch.testing.assert_close(FromImage()(maps), images.flatten(1))


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_a_map_as_code_moves_with_the_image(upsampling):
    architecture = ConvNet(
        (16, 16), channels=(3, 4), hidden_layer_sizes=None, upsampling=upsampling
    )
    torch.manual_seed(0)
    encoder, decoder = architecture.make_encoder(256, 4 * 16), architecture.make_decoder(64, 256)
    image = torch.zeros(16, 16)
    image[7:9, 7:9] = 1
    moved = image.roll((4, 4), (0, 1))
    with torch.no_grad():
        code, code_moved = (encoder(x.reshape(1, -1)).reshape(4, 4, 4) for x in (image, moved))
        torch.testing.assert_close(code_moved[:, 2:, 2:], code[:, 1:3, 1:3], atol=1e-5, rtol=0)
        back, back_moved = (
            decoder(c.reshape(1, -1)).reshape(16, 16) for c in (code, code.roll((1, 1), (1, 2)))
        )
        torch.testing.assert_close(back_moved[9:11, 9:11], back[5:7, 5:7], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_shape": (8, 7)}, "image_shape=.8, 7. has 56 values, but X has 64"),
        ({"image_shape": (64,)}, "Give .height, width."),
        ({"downsampling": "hope"}, "downsampling='hope' is unknown"),
        ({"upsampling": "hope"}, "upsampling='hope' is unknown"),
        ({"image_shape": 64}, "Give .height, width."),
        ({"image_shape": (8.0, 8)}, "must be positive integers"),
        ({"image_shape": (-8, -8)}, "must be positive integers"),
        ({"channels": ()}, "channels=.. must be positive integers"),
        ({"channels": (4, 0)}, "must be positive integers"),
        ({"kernel_size": 0}, "kernel_size=.0,. must be positive integers"),
        ({"strides": 0}, "strides=0 must be positive integers"),
        ({"strides": (2,)}, "one number per level"),
        ({"strides": 4, "upsampling": "transposed"}, "would leave gaps"),
        ({"decoder_channels": (4, 4, 4)}, "or one fewer"),
        ({"hidden_layer_sizes": None}, "multiple of 4, such as 24 for 6 channels"),
        ({"activation": "step"}, "activation='step'"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_that_do_not_fit_are_named(settings, message):
    architecture = ConvNet(**{"image_shape": (8, 8), "channels": (4, 6), **settings})
    with pytest.raises(ValueError, match=message):
        _ = architecture.make_encoder(64, 3), architecture.make_decoder(3, 64)
