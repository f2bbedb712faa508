"""Adam with as little around its arithmetic as torch allows."""

import torch

# Without it, as a future torch may be, every step is Adam's own.
_KERNEL = getattr(torch, "_fused_adam_", None)
_SPECIAL = "amsgrad", "capturable", "decoupled_weight_decay", "differentiable", "maximize"


class FusedAdam(torch.optim.Adam):
    """Adam that calls torch's fused kernel directly where it can.

    `torch.optim.Adam` sorts its parameters anew in every step and reports the step to the profiler,
    which takes longer than the update of a small network. On the CPU, where that shows, this one
    sorts them once. The update and the state are Adam's own, and what is out of the ordinary is
    left to it. Hooks on steps are not called.
    """

    _sorted = None

    def __init__(self, params, lr=1e-3, *, fused=True, **settings):
        super().__init__(params, lr, fused=fused, **settings)

    def add_param_group(self, param_group):
        """Add parameters to optimize."""
        self._sorted = None
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict):
        """Take over the state of an Adam."""
        self._sorted = None
        super().load_state_dict(state_dict)

    def step(self, closure=None):
        """Update the parameters, once."""
        gradients = [[p.grad for p in group["params"]] for group in self.param_groups]
        complete = all(g is not None for of_group in gradients for g in of_group)
        if closure is not None or self._sorted is None or not complete:
            loss = super().step(closure)
            self._sorted = self._sort() if complete else None
            return loss
        with torch.no_grad():
            for group, grads, (steps, state) in zip(
                self.param_groups, gradients, self._sorted, strict=True
            ):
                steps += 1
                _KERNEL(
                    group["params"],
                    grads,
                    *state,
                    lr=group["lr"],
                    beta1=group["betas"][0],
                    beta2=group["betas"][1],
                    weight_decay=group["weight_decay"],
                    eps=group["eps"],
                    amsgrad=False,
                    maximize=False,
                )
        return None

    # Torch wraps every `step` without this mark, for the profiler and for hooks.
    step.hooked = True

    def _sort(self):
        """For each group the number of steps, in one tensor, and what the kernel takes."""
        parameters = [p for group in self.param_groups for p in group["params"]]
        ordinary = all(
            group["fused"] and not any(group.get(name) for name in _SPECIAL)
            for group in self.param_groups
        ) and all(p.device.type == "cpu" and p.dtype == torch.float32 for p in parameters)
        if _KERNEL is None or not ordinary:
            return None
        groups = []
        for group in self.param_groups:
            states = [self.state[p] for p in group["params"]]
            steps = torch.stack([state["step"] for state in states])
            for state, step in zip(states, steps, strict=True):
                state["step"] = step  # a view, so that all are counted at once
            averages = [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")]
            groups.append((steps, (*averages, [], list(steps))))
        return groups
