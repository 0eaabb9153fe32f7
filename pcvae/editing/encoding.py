"""From clouds to latents, and back: the ways to h, new noise, and what can be looked at."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.editing.state import INVERSION_STEPS, LatentState
from pcvae.editing.threads import by_parts, one_thread
from pcvae.models import PointCloudVAE


def take_points(values: np.ndarray, count: int | None) -> np.ndarray:
    """Take so many points of a cloud, or their labels.

    Fewer than there are: a fair draw, the same every time, since points may stand in the order of
    their height or of their parts. More: all of them, again and again, and a fair draw for the
    rest. A point that is taken twice gets two latents, with noise of their own.

    Args:
        values: a row for each point.
        count: how many; all if None.
    """
    available = len(values)
    if count is None or count == available:
        return values
    again = np.tile(np.arange(available), count // available)
    drawn = np.random.default_rng(0).permutation(available)[: count % available]
    return values[np.concatenate([again, drawn])]


@torch.inference_mode()
def encode(
    model: PointCloudVAE,
    points: Float[np.ndarray, "N 3"],
    seed: int = 0,
    use_prior: bool | None = None,
) -> LatentState:
    """Return the latent state of one cloud: the mean of z, and a fair sample of h.

    A sample, because that is what the decoder is trained on. Where h is noisy, its means are drawn
    in towards the middle, and decode to a shape that is too small.

    Args:
        model: in evaluation mode.
        points: a cloud in data units, float32.
        seed: of the noise in h.
        use_prior: whether h follows z by the model's learned prior (see `through_prior`) instead of
            staying where the encoder put it; by default, if the model has one.

    Raises:
        ValueError: if the cloud is empty or not finite, or the model has no prior to use.
    """
    _check_finite(points)
    device = next(model.parameters()).device
    x = torch.tensor(points, dtype=torch.float32, device=device)[None]
    statistics = model.normalization.statistics(x)
    with one_thread():
        encoding = model.encode(model.normalization(x, statistics))
    h = encoding.points
    state = LatentState(
        encoding.style.mean[0],
        h.mean[0],
        h.sigma[0],
        draw_noise(h.mean[0], seed),
        statistics=statistics,
    )
    wanted = model.prior is not None if use_prior is None else use_prior
    return through_prior(model, state) if wanted else state


@torch.inference_mode()
@one_thread()
def from_prior(model: PointCloudVAE, num_points: int = 2048, seed: int = 0) -> LatentState:
    """Return latents of a new shape: z and h from the learned prior, or from N(0, I) without one.

    Args:
        model: in evaluation mode.
        num_points: how many local latents.
        seed: of the noise in z and in h.

    Raises:
        ValueError: if there is to be no point at all.
    """
    if num_points < 1:
        raise ValueError(f"A shape has at least 1 point, but {num_points} were asked for.")
    like = next(model.parameters())
    generator = torch.Generator().manual_seed(seed)
    style_noise = torch.randn(model.config.style_dim, generator=generator).to(like.device)
    noise = torch.randn(num_points, 3 + model.config.latent_dim, generator=generator)
    noise = noise.to(like.device)
    free = LatentState(style_noise, torch.zeros_like(noise), torch.ones_like(noise), noise)
    if model.prior is None:
        return free
    z = model.prior.style.from_noise(style_noise[None])[0]
    return replace(free, z=z, flow=model.prior.points, flow_noise=noise)


@torch.inference_mode()
def through_prior(model: PointCloudVAE, state: LatentState) -> LatentState:
    """Let h follow z by the learned prior p(h | z): the noise is kept, and h is made from it anew.

    An h that was encoded belongs to its z: hold it, and a slider on z has little left to say. Here
    h is traced back to the noise that the prior makes it from. Then z moves, and the same noise
    becomes another h, one that belongs to the new z. Points keep who they are.

    Args:
        model: one with a prior.
        state: an encoded shape.

    Raises:
        ValueError: if the model has no prior.
    """
    if model.prior is None:
        raise ValueError(
            "This model has no learned prior, so h cannot be made from z. Use a model that has "
            'one, such as pcvae.load("shapes"), or leave `use_prior` out.'
        )
    if state.flow is not None:
        return state
    flow = model.prior.points

    @torch.inference_mode()
    def back(h: Float[Tensor, "K H"]) -> Float[Tensor, "K H"]:
        return flow.to_noise(h[None], state.z[None], steps=INVERSION_STEPS)[0]

    return replace(state, flow=flow, flow_noise=by_parts(back, state.base_h))


def through_posterior(state: LatentState) -> LatentState:
    """Return the state with h as it was encoded, whatever z is now."""
    return replace(state, flow=None, flow_noise=None)


@torch.inference_mode()
def hold(state: LatentState) -> LatentState:
    """Return the state with h held where it is now, whatever z will be; it has no noise of its own.

    A sample from the prior was never encoded, so this is its way of holding still.
    """
    held = state.base_h
    return replace(state, h_mean=held, h_sigma=torch.zeros_like(held), flow=None, flow_noise=None)


def with_noise(state: LatentState, seed: int) -> LatentState:
    """Return the state with new noise in h: z says what it says, and h comes out anew."""
    noise = draw_noise(state.noise, seed)
    return replace(state, noise=noise, flow_noise=None if state.flow is None else noise)


def draw_noise(like: Float[Tensor, "N H"], seed: int) -> Float[Tensor, "N H"]:
    """Return standard normal numbers, the same for a seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator).to(like.device)


@torch.inference_mode()
def decode(model: PointCloudVAE, state: LatentState) -> Float[np.ndarray, "N 3"]:
    """Return the decoded cloud, in data units, float32."""
    h = state.h[None]  # (1, N, H)
    with one_thread():
        decoded = model.decode(h, state.z[None])
        return model.normalization.inverse(decoded, state.statistics)[0].cpu().numpy()


@torch.inference_mode()
def latent_points(state: LatentState) -> Float[np.ndarray, "N 3"]:
    """Return h_xyz, the part of the local latents that can be looked at, in model units."""
    return state.h[:, :3].cpu().numpy()


@torch.inference_mode()
def feature(state: LatentState, channel: int = 0) -> Float[np.ndarray, " N"]:
    """Return one feature of every local latent.

    Raises:
        ValueError: if the model's h has no such feature.
    """
    found = state.h.shape[1] - 3
    if not 0 <= channel < found:
        raise ValueError(f"h of this model has {found} features; there is no number {channel}.")
    return state.h[:, 3 + channel].cpu().numpy()


def mean_displacement(
    points: Float[np.ndarray, "N 3"], reference: Float[np.ndarray, "N 3"]
) -> float:
    """Return how far points lie from their counterparts on average, in the units they come in."""
    return float(np.linalg.norm(points - reference, axis=1).mean())


def _check_finite(points: Float[np.ndarray, "N 3"]) -> None:
    """Raise a ValueError for an empty cloud or one with NaN or infinity in it."""
    if len(points) == 0 or not np.isfinite(points).all():
        raise ValueError(
            f"Expected a cloud of one or more finite points, got {len(points)} points of which "
            f"{int((~np.isfinite(points)).any(axis=1).sum())} are not finite."
        )
