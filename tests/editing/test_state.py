from dataclasses import replace

import numpy as np
import pytest
import torch

from pcvae import editing


class CountingFlow(torch.nn.Module):
    """A flow that is counted each time it is followed."""

    runs = 0

    def from_noise(self, noise, z=None):
        self.runs += 1
        return 0.5 * noise + z[:, :1, None]


@pytest.fixture
def state() -> editing.LatentState:
    noise = torch.randn(30, 4)
    flow = CountingFlow()
    return editing.LatentState(
        torch.zeros(8), noise, torch.ones_like(noise), noise, flow=flow, flow_noise=noise
    )


def test_edits_of_chosen_points_do_not_run_the_flow_again(state):
    weight = np.linspace(0, 1, 30, dtype=np.float32)
    for shift in (0.1, 0.2, 0.3):  # a drag
        moved = editing.move(state, weight, (shift, 0, 0))
        both = editing.jitter(editing.lift_points(moved, 0.5), weight, 0.1)
        assert not torch.equal(both.h, moved.h)
    assert state.flow.runs == 1


def test_edits_stay_and_the_flow_runs_again_when_z_moves(state):
    weight = np.ones(30, np.float32)
    lifted = editing.move(state, weight, (0, 1, 0))
    before = lifted.h
    moved = replace(lifted, z=state.z + 1)
    torch.testing.assert_close(moved.h, before + 1)
    again = editing.move(moved, weight, (0, 1, 0))
    torch.testing.assert_close(again.h - moved.h, torch.tensor([0.0, 1, 0, 0]).expand(30, 4))
    assert state.flow.runs == 2
