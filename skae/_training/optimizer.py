"""Adam with as little around its arithmetic as torch allows."""

import torch

# Without it, as a future torch may be, every step is Adam's own.
_KERNEL = getattr(torch, "_fused_adam_", None)
_SPECIAL = "amsgrad", "capturable", "decoupled_weight_decay", "differentiable", "maximize"


class FusedAdam(torch.optim.Adam):
    """Adam that calls torch's fused kernel directly where it can.

    `torch.optim.Adam` sorts its parameters anew in every step and reports the step to the profiler,
    which takes longer than the update of a small network; and its first use in a process loads
    torch's compiler, which takes seconds. On the CPU, where that shows, this one does neither. The
    update and the state are Adam's own, and what is out of the ordinary when training starts is
    left to it. Hooks on steps are not called.
    """

    # Which parameters have a gradient, and what the kernel takes for them: None if it can not.
    _moving = _sorted = None

    def __init__(self, params, lr=1e-3, *, fused=None, **settings):
        if fused is None:
            fused = not (settings.get("foreach") or settings.get("differentiable"))
        super().__init__(params, lr, fused=fused, **settings)

    def add_param_group(self, param_group):
        """Add parameters to optimize."""
        self._moving = None
        add = torch.optim.Optimizer.add_param_group
        getattr(add, "__wrapped__", add)(self, param_group)  # less what loads the compiler

    def load_state_dict(self, state_dict):
        """Take over the state of an Adam."""
        self._moving = None
        super().load_state_dict(state_dict)

    def step(self, closure=None):
        """Update the parameters, once."""
        moving = [p.grad is not None for group in self.param_groups for p in group["params"]]
        if moving != self._moving:
            self._moving, self._sorted = moving, self._sort()
        if closure is not None or self._sorted is None:
            return super().step(closure)
        with torch.no_grad():
            for group, (params, steps, state) in zip(self.param_groups, self._sorted, strict=True):
                steps += 1
                _KERNEL(
                    params,
                    [p.grad for p in params],
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
        """For each group its parameters, their numbers of steps in one tensor, and their state."""
        moving = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        ordinary = all(
            group["fused"] and not any(group.get(name) for name in _SPECIAL)
            for group in self.param_groups
        ) and all(
            p.device.type == "cpu" and p.dtype == torch.float32 for params in moving for p in params
        )
        if _KERNEL is None or not ordinary or not all(moving):
            return None
        groups = []
        for params in moving:
            states = [self.state[p] for p in params]
            for state, p in zip(states, params, strict=True):
                if not state:
                    state["step"] = torch.zeros((), dtype=torch.float32)
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
            steps = torch.stack([state["step"] for state in states])
            for state, step in zip(states, steps, strict=True):
                state["step"] = step  # a view, so that all are counted at once
            averages = [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")]
            groups.append((params, steps, (*averages, [], list(steps))))
        return groups
