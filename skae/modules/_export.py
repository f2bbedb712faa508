"""Models and what standardizes their rows as one module, in units of X."""

import torch
from torch import nn

# Rows of the example that a graph is traced with: one would be taken for a constant.
N_EXAMPLES = 3


class FromRows(nn.Module):
    """Rows to codes, reconstructions, probabilities: those that are asked for."""

    def __init__(self, model, scaling, outputs, order=None):
        super().__init__()
        self.model, self.scaling, self.outputs = model, scaling, outputs
        self.register_buffer("ranks", None if order is None else order.argsort())
        self.register_buffer("order", order)

    def examples(self):
        return {"X": torch.zeros(N_EXAMPLES, len(self.scaling.mean))}

    def forward(self, X):
        x, found = self.scaling(X), {}
        if "codes" in self.outputs:
            found["codes"] = self.model.encode(x)
            if getattr(self.model, "encodes_clusters", False):
                found["codes"] = found["codes"][:, self.order]
        if "X_original" in self.outputs:
            found["X_original"] = self.scaling.inverse(self.model.decode(found["codes"]))
        if "probabilities" in self.outputs:
            found["probabilities"] = self.model.classify(x).softmax(dim=1)
            if self.order is not None:
                found["probabilities"] = found["probabilities"][:, self.order]
        if "labels" in self.outputs:
            found["labels"] = self.ranks[self.model.classify(x).argmax(dim=1)]
        values = tuple(found[name] for name in self.outputs)
        return values if len(values) > 1 else values[0]


class FromCodes(nn.Module):
    """Codes, and class numbers where the decoder is told those, to rows."""

    def __init__(self, model, scaling, n_components, is_told, order):
        super().__init__()
        self.model, self.scaling, self.outputs = model, scaling, ["X_original"]
        self.n_components, self.is_told = n_components, is_told
        self.register_buffer("order", order)

    def examples(self):
        codes = {"codes": torch.zeros(N_EXAMPLES, self.n_components)}
        return codes | ({"y": torch.zeros(N_EXAMPLES, dtype=torch.int64)} if self.is_told else {})

    def forward(self, codes, y=None):
        if self.order is not None:
            y = self.order[y]
        told = (y,) if self.is_told else ()
        return self.scaling.inverse(self.model.decode(codes, *told))
