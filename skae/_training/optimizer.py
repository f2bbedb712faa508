"""Adam with as little around its arithmetic as torch allows."""

import torch

# Without it, as a future torch may be, every step is Adam's own.
_KERNEL = getattr(torch, "_fused_adam_", None)
_SPECIAL = "amsgrad", "capturable", "decoupled_weight_decay", "differentiable", "maximize"
# Where the kernel is, and what it takes a learning rate as.
_RATE = {"cpu": torch.float64, "cuda": torch.float32}


class FusedAdam(torch.optim.Adam):
    """Adam that calls torch's fused kernel directly where it can.

    `torch.optim.Adam` sorts its parameters anew in every step and reports the step to the profiler,
    which takes longer than the update of a small network; and its first use in a process loads
    torch's compiler, which takes seconds. On the CPU and with CUDA this one does neither, and its
    `update` is nothing but operations on tensors, so that it can be recorded. The update and the
    state are Adam's own, and what is out of the ordinary when training starts is left to it. Hooks
    on steps are not called.
    """

    # Which parameters have a gradient, and what the kernel takes for them: None if it can not.
    _moving = _sorted = _last = None
    _rates = ()

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
        if closure is not None or not self.is_direct():
            return super().step(closure)
        self.tell()
        self.update()
        return None

    def is_direct(self):
        """Whether a step is `tell` and `update`, for the parameters that have a gradient now."""
        moving = [p.grad is not None for group in self.param_groups for p in group["params"]]
        if moving != self._moving:
            self._moving, self._sorted = moving, self._sort()
        return self._sorted is not None

    def has_changed(self):
        """Whether the last step was of other parameters than that before, or not direct."""
        changed = self._sorted is None or (
            self._last is not None and self._last is not self._sorted
        )
        self._last = self._sorted
        return changed

    def tell(self):
        """Put the learning rates where `update` looks for them."""
        if len(self._rates) != len(self.param_groups):
            devices = [group["params"][0].device for group in self.param_groups]
            self._rates = [torch.zeros(1, device=d, dtype=_RATE[d.type]) for d in devices]
        for group, rate in zip(self.param_groups, self._rates, strict=True):
            (rate.numpy() if rate.is_cpu else rate)[0] = group["lr"]  # by numpy in half the time

    @torch.no_grad()
    def update(self):
        """Update the parameters: the same operations on the same tensors each time."""
        groups = zip(self.param_groups, self._sorted, self._rates, strict=True)
        for group, (params, steps, state), rate in groups:
            steps += 1
            _KERNEL(
                params,
                [p.grad for p in params],
                *state,
                lr=rate[0],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    # Torch wraps every `step` without this mark, for the profiler and for hooks.
    step.hooked = True

    def _sort(self):
        """For each group its parameters, their numbers of steps in one tensor, and their state."""
        moving = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        ordinary = all(
            group["fused"] and not any(group.get(name) for name in _SPECIAL)
            for group in self.param_groups
        ) and all(
            p.device.type in _RATE and p.dtype == torch.float32 for params in moving for p in params
        )
        if _KERNEL is None or not ordinary or not all(moving):
            return None
        groups = []
        for params in moving:
            states = [self.state[p] for p in params]
            for state, p in zip(states, params, strict=True):
                if not state:
                    state["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
            steps = torch.stack([state["step"] for state in states])
            for state, step in zip(states, steps, strict=True):
                state["step"] = step  # a view, so that all are counted at once
            averages = [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")]
            groups.append((params, steps, (*averages, [], list(steps))))
        return groups
