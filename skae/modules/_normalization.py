"""Batch normalization of codes."""

import torch
from torch import nn
from torch.nn import functional


class CodeNorm(nn.BatchNorm1d):
    """Batch normalization that takes a batch of one row as well, by what those before it had."""

    def forward(self, a):
        """``(batch, width)`` -> the same shape."""
        if not self.training or len(a) > 1:  # an exporter takes the number of rows as unknown
            return super().forward(a)
        mean, variance = self.running_mean, self.running_var
        # By copies: the statistics move before the gradient is known.
        normalized = functional.batch_norm(
            a, mean.clone(), variance.clone(), self.weight, self.bias, eps=self.eps
        )
        with torch.no_grad():  # one row has a spread only about the mean of those before
            variance.lerp_((a[0] - mean).square().to(variance), self.momentum)
            mean.lerp_(a[0].to(mean), self.momentum)
        return normalized

    def _load_from_state_dict(self, state_dict, prefix, *others):
        # Of models from before there was a norm: it would change nothing.
        fresh = nn.BatchNorm1d(self.num_features, affine=self.affine).state_dict()
        fresh["running_var"] -= self.eps
        for name, value in fresh.items():
            state_dict.setdefault(f"{prefix}{name}", value)
        super()._load_from_state_dict(state_dict, prefix, *others)
