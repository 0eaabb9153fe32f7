"""A training run in miniature, for the exercise on checkpoints in chapter 07."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from pcvae.randomness import generator_for


class SmallRun:
    """A run in miniature, with everything a large one carries along.

    A line is fitted to noisy data, by Adam, with a learning rate that falls over 100 steps, and
    with averaged weights.

    Attributes:
        model: the weights.
        optimizer: Adam, with two running means for each weight.
        average: the averaged weights, a list of tensors.
        noise: the generator that all random numbers come from.
        step: how many steps were made.
    """

    PARTS = ("weights", "optimizer", "average", "noise", "step")

    def __init__(self, seed: int = 0) -> None:
        self.noise = generator_for(seed)
        self.model = nn.Linear(3, 1)
        for weight in self.model.parameters():
            weight.data.normal_(generator=self.noise)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.1)
        self.average = [weight.detach().clone() for weight in self.model.parameters()]
        self.step = 0

    def advance(self, steps: int) -> None:
        """Train for some steps."""
        for _ in range(steps):
            self.optimizer.param_groups[0]["lr"] = 0.1 * max(1 - self.step / 100, 0.01)
            x = torch.randn(8, 3, generator=self.noise)
            y = x.sum(dim=1, keepdim=True) + 0.1 * torch.randn(8, 1, generator=self.noise)
            self.optimizer.zero_grad()
            (self.model(x) - y).square().mean().backward()
            self.optimizer.step()
            for average, weight in zip(self.average, self.model.parameters(), strict=True):
                average.lerp_(weight.detach(), 0.1)
            self.step += 1

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint holds. What it lacks stays as it is in a new run."""
        if "weights" in state:
            self.model.load_state_dict(state["weights"])
        if "optimizer" in state:
            self.optimizer.load_state_dict(state["optimizer"])
        if "average" in state:
            for average, kept in zip(self.average, state["average"], strict=True):
                average.copy_(kept)
        if "noise" in state:
            self.noise.set_state(state["noise"])
        if "step" in state:
            self.step = state["step"]
