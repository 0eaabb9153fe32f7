"""Flow matching: a velocity field that carries noise to data, and the equation it is followed by.

A flow is learned from straight lines. Draw noise e from N(0, I), data x and a time t between 0 and
1; the point (1 - t) e + t x lies on the line from e to x, which is walked at the velocity x - e.
A network that predicts this velocity from the point and the time learns its mean over all lines
through that point, and following the means carries the whole of N(0, I) to the data.

Source: Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, equations 20 to 23 with
no noise left at time 1; Liu et al., "Flow Straight and Fast", ICLR 2023.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

Solver = Literal["euler", "midpoint", "heun"]
SOLVERS = get_args(Solver)

Velocity = Callable[[Tensor, Tensor], Tensor]
"""From points (B, N, C) and one time, a tensor of shape (), to velocities (B, N, C)."""


def follow(
    velocity: Velocity,
    start: Float[Tensor, "*B C"],
    *,
    steps: int,
    solver: str = "euler",
    backward: bool = False,
) -> Float[Tensor, "*B C"]:
    """Follow a velocity field from time 0 to 1, or back.

    Args:
        velocity: the field.
        start: where to begin: noise, or data if `backward`.
        steps: how many equal steps.
        solver: "euler" asks for the velocity once a step, "midpoint" and "heun" twice, and their
            error falls with the square of the step's length. "midpoint" asks where a step begins
            and in its middle, "heun" where it begins and where it ends.
        backward: go from time 1 to 0, which finds the noise that data come from.

    Raises:
        ValueError: if there is no such solver, or no step.
    """
    if solver not in SOLVERS or steps < 1:
        raise ValueError(
            f"Expected a solver of {', '.join(SOLVERS)} and one step or more, got {solver!r} and "
            f"{steps}."
        )
    times = torch.linspace(0, 1, steps + 1, dtype=start.dtype, device=start.device)
    place = start
    for now, then in pairwise(times.flip(0) if backward else times):
        length = then - now
        slope = velocity(place, now)
        if solver == "midpoint":
            slope = velocity(place + length / 2 * slope, now + length / 2)
        elif solver == "heun":
            slope = (slope + velocity(place + length * slope, then)) / 2
        place = place + length * slope
    return place


def late_times(uniform: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Turn uniform random numbers into times that crowd towards 1, where detail is decided.

    Half of them lie above 0.65. Near time 1 only little noise is left, and what the network has to
    tell apart there are thin legs from the gaps between them.
    """
    return 1 - uniform.pow(1.5)


def pair_by_transport(
    noise: Float[Tensor, "B N C"], data: Float[Tensor, "B N C"], group: int = 64
) -> Float[Tensor, "B N C"]:
    """Give every data point the noise that suits it, so that lines are short and cross less.

    Within each group of points of one cloud, noise is dealt out anew at the least total squared
    distance of the first three coordinates. The noise as a whole is as random as before, for who
    gets it says nothing about what it is; only the pairs are chosen. Straighter lines need
    fewer steps to follow.

    Args:
        noise: standard normal numbers.
        data: the points that the lines end in.
        group: points that are paired among each other; the cost grows with its square.

    Returns:
        The same noise in another order.

    Source: Pooladian et al., "Multisample Flow Matching", ICML 2023; Tong et al., "Improving and
    Generalizing Flow-Based Generative Models with Minibatch Optimal Transport", TMLR 2024.
    """
    count = noise.shape[1]
    order = np.empty(noise.shape[:2], dtype=np.int64)
    xyz = (noise[..., :3].detach().float(), data[..., :3].detach().float())
    for first in range(0, count, group):
        part = slice(first, min(first + group, count))
        costs = torch.cdist(xyz[1][:, part], xyz[0][:, part]).square()  # (B, data, noise)
        for row, cost in enumerate(costs.cpu().numpy()):
            order[row, part] = first + linear_sum_assignment(cost)[1]
    return take_points(noise, torch.from_numpy(order).to(noise.device))


def take_points(
    points: Float[Tensor, "B N C"], order: Int[Tensor, "B M"]
) -> Float[Tensor, "B M C"]:
    """Return the points of each cloud in another order."""
    return points.gather(1, order.unsqueeze(-1).expand(-1, -1, points.shape[-1]))
