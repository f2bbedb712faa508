"""Single layers of a deep autoencoder, to be trained one after the other."""

from torch import nn


class LayerAutoencoder(nn.Module):
    """One layer of the encoder, and that of the decoder which undoes it.

    Parameters
    ----------
    below : nn.Module
        The layers before, which give the rows of this one; the objective does not move them.
    encoder, decoder : nn.Module
        (batch, width below) -> (batch, width), and back.
    corrupt : nn.Module
        (batch, width below) -> the same shape.
    """

    def __init__(self, below, encoder, decoder, corrupt):
        super().__init__()
        self.below, self.encoder, self.decoder, self.corrupt = below, encoder, decoder, corrupt

    def encode(self, h):
        """``(batch, width below) -> (batch, width)``."""
        return self.encoder(h)

    def output(self, z):
        """``(batch, width) -> (batch, width below)``."""
        return self.decoder(z)


def split_layers(network):
    """The layers of a dense network, each a linear one with what follows it.

    Returns
    -------
    list of nn.Sequential or None
        None if the network is no sequence that starts with a linear layer.
    """
    if not isinstance(network, nn.Sequential) or not isinstance(network[0], nn.Linear):
        return None
    pieces = []
    for layer in network:
        if isinstance(layer, nn.Linear):
            pieces.append(nn.Sequential())
        pieces[-1].append(layer)
    return pieces
