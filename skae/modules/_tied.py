"""Decoders that use the weights of the encoder."""

from torch import nn
from torch.nn import functional


class TiedLinear(nn.Module):
    """A linear layer with the transposed weights of another one and a bias of its own.

    Parameters
    ----------
    source : nn.Linear
        Whose weights; they are parameters of its alone.
    bias : nn.Parameter of shape (n_outputs,)
    """

    def __init__(self, source, bias):
        super().__init__()
        self.source = (source,)  # in a tuple it is no submodule
        self.bias = bias

    def forward(self, z):
        """``(batch, n_inputs) -> (batch, n_outputs)``."""
        return functional.linear(z, self.source[0].weight.T, self.bias)


def tie_weights(encoder, decoder):
    """Tie each linear layer of the decoder to that of the encoder which it mirrors.

    Returns
    -------
    bool
        Whether the two mirror each other; if not, nothing is done.
    """
    sources = [layer for layer in encoder.modules() if isinstance(layer, nn.Linear)]
    places = [
        (parent, name, layer)
        for parent in decoder.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Linear)
    ]
    pairs = list(zip(sources[::-1], places, strict=False))
    # Nothing else may have weights: those would not be tied.
    known = {
        id(p) for layer in (*sources, *(place[2] for place in places)) for p in layer.parameters()
    }
    mirrors = (
        len(sources) == len(places) > 0
        and all(source.weight.T.shape == layer.weight.shape for source, (_, _, layer) in pairs)
        and known == {id(p) for p in (*encoder.parameters(), *decoder.parameters())}
    )
    if mirrors:
        for source, (parent, name, layer) in pairs:
            setattr(parent, name, TiedLinear(source, layer.bias))
    return mirrors
