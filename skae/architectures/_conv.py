"""Convolutional networks for images."""

import math
from numbers import Integral

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skae._documented import Documented, public
from skae.architectures._activations import dense_layers, make_activation
from skae.architectures._mlp import layer_sizes

_CHOICES = {
    "downsampling": ("stride", "max_pooling", "average_pooling"),
    "upsampling": ("nearest", "transposed"),
}


@public
class ConvNet(Documented, BaseEstimator):
    """Convolutions that shrink an image to a code, and their mirror.

    Each level of the encoder convolves and shrinks the image by its stride (sizes round up); dense
    layers lead from the last map to the code. The decoder goes the same way back. Nearest
    upsampling followed by a convolution avoids the checkerboard patterns of transposed convolution
    [1]_.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, n_channels). A row of X is such an image, flattened in C
        order, as ``images.reshape(len(images), -1)`` gives it.
    channels : tuple of int, default=(32, 64)
        Channels of each level of the encoder.
    kernel_size : int, default=3
        Height and width of all kernels.
    strides : int or tuple of int, default=2
        By how much each level shrinks the image.
    downsampling : {"stride", "max_pooling", "average_pooling"}, default="stride"
        What shrinks: the convolution's own stride, or pooling after it.
    upsampling : {"nearest", "transposed"}, default="nearest"
        What grows the image in the decoder.
    hidden_layer_sizes : tuple of int or None, default=(128,)
        Dense layers between the last map and the code. None: the code is a map itself, as high and
        wide as the last one, and `n_components` its size; if it has more or fewer channels than the
        last map, one more convolution leads to it.
    decoder_channels : tuple of int, default=None
        Channels of each level of the decoder, before a last convolution to the image. With one
        number fewer than `channels`, the last level gives the image itself. None mirrors
        `channels`.
    activation : str, default="silu"
        See `MLP`.
    dropout : float, default=0.0
        The share of the hidden units that is dropped in training, after each level.

    See Also
    --------
    MLP : Fully connected layers: permutation invariant, faster, and often enough.

    References
    ----------
    .. [1] Odena, Dumoulin and Olah, "Deconvolution and checkerboard artifacts", Distill, 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.architectures import ConvNet
    >>> X, _ = load_digits(return_X_y=True)
    >>> architecture = ConvNet(image_shape=(8, 8), channels=(8, 16))
    >>> ae = AutoencoderTransformer(4, architecture=architecture, max_iter=2, random_state=0)
    >>> ae.fit_transform(X).shape
    (1797, 4)
    """

    def __init__(
        self,
        image_shape,
        *,
        channels=(32, 64),
        kernel_size=3,
        strides=2,
        downsampling="stride",
        upsampling="nearest",
        hidden_layer_sizes=(128,),
        decoder_channels=None,
        activation="silu",
        dropout=0.0,
    ):
        self.image_shape = image_shape
        self.channels = channels
        self.kernel_size = kernel_size
        self.strides = strides
        self.downsampling = downsampling
        self.upsampling = upsampling
        self.hidden_layer_sizes = hidden_layer_sizes
        self.decoder_channels = decoder_channels
        self.activation = activation
        self.dropout = dropout

    def make_encoder(self, n_features, n_outputs):
        """Build the encoder.

        Parameters
        ----------
        n_features : int
            The number of pixels times channels; it must fit `image_shape`.
        n_outputs : int
            Width of the output.

        Returns
        -------
        nn.Module
            (batch, n_features) -> (batch, n_outputs).
        """
        sizes, strides = self._check(n_features)
        layers = [ToImage(self.image_shape)]
        n_in = _n_channels(self.image_shape)
        for n_out, stride in zip(self._channels(), strides, strict=True):
            layers += self._shrink(n_in, n_out, stride) + self._dropout()
            n_in = n_out
        return _network([*layers, *self._to_code(sizes[-1], n_outputs)])

    def make_decoder(self, n_inputs, n_features):
        """Build the decoder.

        Parameters
        ----------
        n_inputs : int
            Width of the code.
        n_features : int
            The number of pixels times channels; it must fit `image_shape`.

        Returns
        -------
        nn.Module
            (batch, n_inputs) -> (batch, n_features).
        """
        sizes, strides = self._check(n_features)
        n_in, n_image = self._channels()[-1], _n_channels(self.image_shape)
        layers = self._from_code(sizes[-1], n_inputs)
        outputs = self._decoder_channels()
        for n_out, stride, size in zip(outputs, strides[::-1], sizes[-2::-1], strict=False):
            layers += self._grow(n_in, n_out, stride, size)
            layers += [make_activation(self.activation), *self._dropout()]
            n_in = n_out
        if len(outputs) < len(self._channels()):
            layers += self._grow(n_in, n_image, strides[0], sizes[0])
        else:
            layers += self._convolution(n_in, n_image, 1)
        return _network([*layers, FromImage()])

    def _check(self, n_features):
        """The image sizes from the image to the last map, and the strides; or a clear error."""
        image_shape = _positive_integers("image_shape", self.image_shape)
        if len(image_shape) not in (2, 3) or math.prod(image_shape) != n_features:
            raise ValueError(
                f"image_shape={self.image_shape!r} has {math.prod(image_shape)} values, but X has "
                f"{n_features} features. Give (height, width) or (height, width, n_channels) whose "
                "product is the number of features."
            )
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is unknown. Choose one of {allowed}."
                )
        n_levels = len(self._channels())
        strides = _positive_integers("strides", self.strides)
        strides = strides * n_levels if isinstance(self.strides, Integral) else strides
        if len(strides) != n_levels:
            raise ValueError(
                f"strides={self.strides!r} must have one number per level of channels="
                f"{self.channels!r}, or be a single number."
            )
        (kernel_size,) = _positive_integers("kernel_size", (self.kernel_size,))
        if self.upsampling == "transposed" and max(strides) > kernel_size:
            raise ValueError(
                f"kernel_size={self.kernel_size} is smaller than a stride of {max(strides)}: a "
                "transposed convolution would leave gaps. Use a larger kernel or "
                "upsampling='nearest'."
            )
        sizes = [image_shape[:2]]
        for stride in strides:
            sizes.append(tuple(-(-length // stride) for length in sizes[-1]))
        return sizes, strides

    def _channels(self):
        return _positive_integers("channels", self.channels)

    def _decoder_channels(self):
        channels = self._channels()
        if self.decoder_channels is None:
            return channels[::-1]
        decoder_channels = _positive_integers("decoder_channels", self.decoder_channels, least=0)
        if len(channels) - len(decoder_channels) not in (0, 1):
            raise ValueError(
                f"decoder_channels={self.decoder_channels!r} must have as many numbers as "
                f"channels={self.channels!r}, or one fewer."
            )
        return decoder_channels

    def _dropout(self):
        return [nn.Dropout(self.dropout)] * (self.dropout > 0)

    def _convolution(self, n_in, n_out, stride):
        # Padding of kernel_size - 1 in all makes every size round up, also for even kernels.
        before, after = (self.kernel_size - 1) // 2, self.kernel_size // 2
        if before == after:
            return [nn.Conv2d(n_in, n_out, self.kernel_size, stride, padding=before)]
        padding = nn.ZeroPad2d((before, after, before, after))
        return [padding, nn.Conv2d(n_in, n_out, self.kernel_size, stride)]

    def _shrink(self, n_in, n_out, stride):
        activation = make_activation(self.activation)
        if self.downsampling == "stride" or stride == 1:
            return [*self._convolution(n_in, n_out, stride), activation]
        pool = nn.MaxPool2d if self.downsampling == "max_pooling" else nn.AvgPool2d
        return [*self._convolution(n_in, n_out, 1), activation, pool(stride, ceil_mode=True)]

    def _grow(self, n_in, n_out, stride, size):
        if self.upsampling == "transposed":
            convolution = nn.ConvTranspose2d(n_in, n_out, self.kernel_size, stride)
            return [convolution, CentreCrop(size)]
        upsample = [nn.Upsample(size=size)] * (stride > 1)
        return [*upsample, *self._convolution(n_in, n_out, 1)]

    def _to_code(self, size, n_outputs):
        if self.hidden_layer_sizes is None:
            return [
                *self._remap(self._channels()[-1], self._code_channels(size, n_outputs)),
                nn.Flatten(),
            ]
        widths = (self._channels()[-1] * math.prod(size), *layer_sizes(self.hidden_layer_sizes))
        return [nn.Flatten(), *dense_layers((*widths, n_outputs), self.activation)]

    def _from_code(self, size, n_inputs):
        if self.hidden_layer_sizes is None:
            n_code = self._code_channels(size, n_inputs)
            return [nn.Unflatten(1, (n_code, *size)), *self._remap(n_code, self._channels()[-1])]
        widths = (self._channels()[-1] * math.prod(size), *layer_sizes(self.hidden_layer_sizes))
        dense = dense_layers((n_inputs, *widths[::-1]), self.activation)
        unflatten = nn.Unflatten(1, (self._channels()[-1], *size))
        return [*dense, make_activation(self.activation), unflatten]

    def _code_channels(self, size, n_code):
        if n_code % math.prod(size):
            n_channels = self._channels()[-1]
            raise ValueError(
                f"With hidden_layer_sizes=None the code is a map of {size[0]} x {size[1]}: "
                f"n_components must be a multiple of {math.prod(size)}, such as "
                f"{n_channels * math.prod(size)} for {n_channels} channels. Or give "
                "hidden_layer_sizes a tuple, () for a single dense layer."
            )
        return n_code // math.prod(size)

    def _remap(self, n_in, n_out):
        return [] if n_in == n_out else self._convolution(n_in, n_out, 1)


def _positive_integers(name, values, least=1):
    """A setting as a tuple of ints, or a clear error; a single number is a tuple of one."""
    numbers = (values,) if isinstance(values, Integral) else values
    try:
        valid = len(numbers) >= least and all(isinstance(n, Integral) and n >= 1 for n in numbers)
    except TypeError:
        valid = False
    if not valid:
        raise ValueError(f"{name}={values!r} must be positive integers.")
    return tuple(int(number) for number in numbers)


def _network(layers):
    """The layers in a row, the kernels with their channels last, as rows of X have them.

    That takes a third less time on a CPU, and spares the copies in between.
    """
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def _n_channels(image_shape):
    return image_shape[2] if len(image_shape) == 3 else 1


class ToImage(nn.Module):
    """(batch, height * width * channels) -> (batch, channels, height, width)."""

    def __init__(self, image_shape):
        super().__init__()
        self.shape = (*image_shape[:2], _n_channels(image_shape))

    def forward(self, x):
        """Channels come last in a row, first in torch."""
        return x.reshape(-1, *self.shape).permute(0, 3, 1, 2)


class FromImage(nn.Module):
    """(batch, channels, height, width) -> (batch, height * width * channels)."""

    def forward(self, x):
        """Channels come first in torch, last in a row."""
        return x.permute(0, 2, 3, 1).flatten(1)


class CentreCrop(nn.Module):
    """Cut what a transposed convolution without padding has too much at the borders."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        """(batch, channels, H, W) -> (batch, channels, height, width)."""
        top, left = ((have - want) // 2 for have, want in zip(x.shape[2:], self.size, strict=True))
        return x[:, :, top : top + self.size[0], left : left + self.size[1]]
