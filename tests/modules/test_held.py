"""Networks beyond the rows that they were trained on: closed forms."""

from collections import OrderedDict

import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from skae.modules import HeldSequential, LinearPlusNetwork, held
from skae.modules._held import regression

from .layers import affine


def network(n_inputs=3, n_outputs=2):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(n_inputs, 8), nn.SiLU(), nn.Linear(8, n_outputs))


def rows(n_rows=50, n_inputs=3):
    return torch.randn(n_rows, n_inputs, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", ["sequence", "linear plus network"])
def test_within_the_radius_nothing_changes_and_beyond_it_goes_on_along_a_line(kind):
    free = network()
    if kind == "sequence":
        module = held(free, 3, 2)
    else:
        module = LinearPlusNetwork(3, 2, free)
        nn.init.normal_(free[-1].weight)
        module.begin_at(torch.randn(2, 3), torch.randn(2))
    module.eval()
    x = rows()
    before = module(x)
    module.follow(x, before)
    module.reach(x.norm(dim=1).max().item())
    assert torch.equal(module(x), before)
    direction = x[0] / x[0].norm()
    edge, slope = module.radius * direction, module.slope
    for far in (1.5, 10.0, 1e6):
        expected = module(edge[None]) + (far - 1) * module.radius * (slope @ direction)
        torch.testing.assert_close(module(far * edge[None]), expected, rtol=1e-5, atol=1e-5)
    assert not torch.equal(module(1.01 * edge[None]), module.train()(1.01 * edge[None]))


def test_a_linear_map_is_itself_everywhere():
    weight = [[1.0, 2.0], [0.0, -1.0]]
    layers = nn.Sequential(affine(weight, [3.0, 4.0]), nn.Identity())
    module = held(layers, 2, 2).eval()
    module.slope.copy_(torch.tensor(weight))
    module.reach(1.0)
    far = 100 * rows(5, 2)
    torch.testing.assert_close(module(far), far @ torch.tensor(weight).T + torch.tensor([3.0, 4.0]))


def test_what_is_told_is_not_held():
    module = held(network(5), 3, 2).eval()
    module.reach(1.0)
    z = torch.cat([rows(4), torch.eye(2).repeat(2, 1)], dim=1)
    near = z.clone()
    near[:, :3] /= near[:, :3].norm(dim=1, keepdim=True).clamp_min(1)
    torch.testing.assert_close(module(z), nn.Sequential(*module)(near))


def test_it_sees_ever_further():
    module = held(network(), 3, 2)
    for norm, radius in ((2.0, 2.0), (1.0, 2.0), (5.0, 5.0)):
        module.reach(norm)
        assert module.radius == radius


def test_gradients_are_finite_before_it_is_held_and_after():
    for radius in (None, 1.0):
        module = held(network(), 3, 2).eval()
        if radius:
            module.reach(radius)
        for x in (torch.zeros(1, 3), 1e-20 * rows(1), rows(1), 1e6 * rows(1)):
            jacobian = torch.autograd.functional.jacobian(module, x)
            assert jacobian.isfinite().all()


def test_only_plain_sequences_are_held_and_names_stay():
    named = held(nn.Sequential(OrderedDict(first=nn.Linear(3, 2), then=nn.SiLU())), 3, 2)
    assert "first.weight" in named.state_dict()
    assert [type(part) for part in (named[0], named[:1])] == [nn.Linear, nn.Sequential]
    hooked = network()
    hooked.register_forward_hook(lambda module, inputs, output: output)
    for other in (
        nn.Linear(3, 2),
        nn.Sequential(nn.Linear(3, 2)),
        hooked,
        type("Own", (nn.Sequential,), {})(*network()),
    ):
        assert held(other, 3, 2) is other


def test_weights_of_before_are_those_of_a_network_that_is_not_held():
    free, module = network(), held(network(), 3, 2).eval()
    with torch.no_grad():
        free[0].weight.mul_(2)
    module.load_state_dict(free.state_dict())
    far = 1e3 * rows()
    assert torch.equal(module(far), free(far))
    module.reach(2.0)
    again = held(network(), 3, 2).eval()
    again.load_state_dict(module.state_dict())
    assert torch.equal(module(far), again(far))
    assert isinstance(module, HeldSequential)


@pytest.mark.parametrize("shape", [(200, 5), (20, 60)])
def test_a_regression_is_that_of_ridge(shape):
    x = rows(*shape).double() + 5
    y = x @ rows(shape[1], 2).double() + rows(shape[0], 2)
    share = ((x - x.mean(0)) ** 2).sum() / shape[1]
    expected = Ridge(alpha=1e-3 * share.item()).fit(x.numpy(), y.numpy()).coef_
    torch.testing.assert_close(
        regression(x, y).double(), torch.tensor(expected), rtol=1e-4, atol=1e-5
    )
