"""Flows: the solvers against closed forms, and what pairing by transport may and may not change."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from pcvae.models.flow import follow, late_times, pair_by_transport


def growth(place, time):
    """dx/dt = t x, whose solution is x(0) exp(t^2 / 2)."""
    return time * place


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_solvers_reach_the_closed_form_at_their_order(solver, order):
    start = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    exact = start * math.exp(0.5)
    errors = [
        (follow(growth, start, steps=n, solver=solver) - exact).abs().max().item() for n in (16, 32)
    ]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.15)


def test_backward_returns_to_the_start():
    start = torch.randn(5, 4, dtype=torch.float64)
    there = follow(growth, start, steps=100, solver="heun")
    back = follow(growth, there, steps=100, solver="heun", backward=True)
    assert (there - start).abs().max() > 0.1
    torch.testing.assert_close(back, start, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 3, "solver": "rk4"}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="Expected a solver of euler, midpoint, heun"):
        follow(growth, torch.zeros(1, 2), **wrong)


def test_half_of_the_times_are_late():
    times = late_times(torch.linspace(0, 1, 10001, dtype=torch.float64))
    assert times.min() == 0
    assert times.max() == 1
    assert times.median() == pytest.approx(1 - 0.5**1.5, abs=1e-3)


def test_pairs_are_the_cheapest_of_all(generator):
    noise, data = torch.randn(2, 3, 6, 4, generator=generator)
    paired = pair_by_transport(noise, data)
    from itertools import permutations

    for k in range(3):
        costs = [
            (noise[k, list(order), :3] - data[k, :, :3]).square().sum()
            for order in permutations(range(6))
        ]
        found = (paired[k, :, :3] - data[k, :, :3]).square().sum()
        assert found == pytest.approx(min(costs).item(), rel=1e-5)


def test_pairing_only_reorders_within_groups(generator):
    noise, data = torch.randn(2, 2, 10, 4, generator=generator)
    paired = pair_by_transport(noise, data, group=4)
    for part in (slice(0, 4), slice(4, 8), slice(8, 10)):
        for k in range(2):
            one = sorted(map(tuple, noise[k, part].tolist()))
            assert one == sorted(map(tuple, paired[k, part].tolist()))
    assert not torch.equal(noise, paired)


def test_noise_of_a_point_chosen_by_its_number_is_still_normal(generator):
    """Points come in an order without meaning, so what any one of them is dealt is N(0, 1)."""
    noise, data = torch.randn(2, 2000, 16, 3, generator=generator)
    dealt = pair_by_transport(noise, data.sort(dim=2).values)[:, 3].flatten()
    assert stats.kstest(dealt.numpy(), "norm").pvalue > 0.01
    assert np.abs(np.corrcoef(noise[:, 3, 0], data[:, 3, 0])[0, 1]) < 0.06
