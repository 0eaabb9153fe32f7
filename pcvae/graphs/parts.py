"""The parts of a model that torch writes down: one pass of each network, or one step of a flow.

Each is a function of the model and of tensors, whose names are those of the part's inputs.
"""

from jaxtyping import Float
from torch import Tensor

from pcvae.models import PointCloudVAE
from pcvae.models.flow import Velocity, follow
from pcvae.models.prior import POINT_SOLVER

STYLE_SOLVER = "heun"


def encode(model: PointCloudVAE, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B S"]:
    """Return the mean of q(z | x)."""
    return model.encode_style(points).mean


def encode_points(
    model: PointCloudVAE, points: Float[Tensor, "B N 3"], z: Float[Tensor, "B S"]
) -> Float[Tensor, "B N H"]:
    """Return the mean of q(h | x, z)."""
    return model.encode_points(points, z).mean


def decode(
    model: PointCloudVAE, h: Float[Tensor, "B N H"], z: Float[Tensor, "B S"]
) -> Float[Tensor, "B N 3"]:
    """Return clouds in model units."""
    return model.decode(h, z)


def condition(model: PointCloudVAE, z: Float[Tensor, "B S"]) -> Float[Tensor, "B D"]:
    """Return what the flow of h is told about z."""
    return model.prior.points.condition(z)


def style_step(
    model: PointCloudVAE,
    place: Float[Tensor, "B S"],
    number: Float[Tensor, ""],
    start: Float[Tensor, ""],
    length: Float[Tensor, ""],
) -> Float[Tensor, "B S"]:
    """Return where a step of the flow of z leads; `step` says what its numbers are."""
    return step(model.prior.style.at, place, (number, start, length), STYLE_SOLVER)


def point_step(
    model: PointCloudVAE,
    place: Float[Tensor, "B N H"],
    condition: Float[Tensor, "B D"],
    number: Float[Tensor, ""],
    start: Float[Tensor, ""],
    length: Float[Tensor, ""],
) -> Float[Tensor, "B N H"]:
    """Return where a step of the flow of h leads; `step` says what its numbers are."""
    velocity = model.prior.points.told(condition)
    return step(velocity, place, (number, start, length), POINT_SOLVER)


def step(
    velocity: Velocity,
    place: Float[Tensor, "*B C"],
    when: tuple[Tensor, Tensor, Tensor],
    solver: str,
) -> Float[Tensor, "*B C"]:
    """Return where one step of a flow leads.

    Args:
        velocity: the flow's field.
        place: where the step begins.
        when: three numbers: which step it is, from 0; the time at which step 0 begins; and the
            length of each in time, which is negative on the way back to noise.
        solver: one of `pcvae.models.flow.SOLVERS`.
    """
    number, start, length = when

    def stretched(here: Tensor, time: Tensor) -> Tensor:
        return length * velocity(here, start + length * (number + time))

    return follow(stretched, place, steps=1, solver=solver)
