"""A toy that can be plotted whole: chairs seen from the side, and the best linear VAE of anything.

Two factors make a side view, 48 numbers describe it, and a latent of two numbers is a plane that
fits into one picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

POINTS_PER_SEGMENT = 6
SEAT_DEPTH, BACK_LENGTH = 0.5, 0.6
LEG_HEIGHTS, TILTS = (0.2, 0.9), (-10.0, 60.0)
REACH = 2.6  # of the part of the latent plane that is drawn: all but 1% of N(0, 1), each way
LATTICE = 7  # chairs in a row of the plane
SIZE = 0.36  # of a chair in the plane, latent units for a meter


def side_views(
    leg_height: Float[np.ndarray, " S"], tilt: Float[np.ndarray, " S"]
) -> Float[np.ndarray, "S 24 2"]:
    """Draw chairs from the side, as points along four strokes: x to the front, y up.

    Args:
        leg_height: from the floor to the seat, in meters.
        tilt: how far the back leans backward, in degrees.

    Returns:
        For each chair six points on each of `SEGMENTS`, in that order, in meters.
    """
    zero = np.zeros_like(leg_height)
    depth, angle = zero + SEAT_DEPTH, np.deg2rad(tilt)
    back = (-BACK_LENGTH * np.sin(angle), leg_height + BACK_LENGTH * np.cos(angle))
    front, rear = (depth, leg_height), (zero, leg_height)
    ends = (((depth, zero), front), (front, rear), ((zero, zero), rear), (rear, back))
    corners = np.array(ends).transpose(3, 0, 1, 2)  # (S, 4, 2, 2): chair, stroke, end, coordinate
    along = np.linspace(0, 1, POINTS_PER_SEGMENT)[:, None]
    strokes = corners[:, :, :1] * (1 - along) + corners[:, :, 1:] * along  # (S, 4, 6, 2)
    return strokes.reshape(len(leg_height), -1, 2).astype(np.float32)


def random_side_views(
    count: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "S 24 2"], Float[np.ndarray, "S 2"]]:
    """Draw side views with random factors, uniformly within their bounds.

    Args:
        count: S, how many.
        rng: source of randomness.

    Returns:
        The views, and the factors of each: leg height in meters and tilt in degrees.
    """
    factors = np.stack([rng.uniform(*LEG_HEIGHTS, count), rng.uniform(*TILTS, count)], axis=1)
    return side_views(factors[:, 0], factors[:, 1]), factors.astype(np.float32)


def strokes(views: Float[np.ndarray, "S 24 2"]) -> Float[np.ndarray, "P 2"]:
    """Join views to one line for a plot, with NaN where the pen is lifted."""
    each = views.reshape(-1, POINTS_PER_SEGMENT, 2).astype(np.float32)
    lifted = np.full((len(each), 1, 2), np.nan, dtype=np.float32)
    return np.concatenate([each, lifted], axis=1).reshape(-1, 2)


def lattice_of_views(decode: Callable[[np.ndarray], np.ndarray]) -> Float[np.ndarray, "P 2"]:
    """Draw the whole latent plane: at many places z the view that z decodes to, small.

    Args:
        decode: from latents (S, 2) to views (S, 24, 2) or (S, 48).

    Returns:
        One line, with NaN where the pen is lifted.
    """
    ticks = np.linspace(-REACH + 0.5, REACH - 0.5, LATTICE)
    places = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    views = decode(places).reshape(len(places), -1, 2)
    middle = (0.0, 0.75)  # of a chair of middling height, about
    return strokes((views - middle) * SIZE + places[:, None])


def ellipses(
    means: Float[np.ndarray, "S 2"], sigma: Float[np.ndarray, "*S 2"], sides: int = 24
) -> Float[np.ndarray, "P 2"]:
    """Draw Gaussians in the plane as ellipses of one standard deviation, all as one line.

    Args:
        means: their centers.
        sigma: their standard deviations, one pair for all or one for each.
        sides: corners of an ellipse.
    """
    turn = np.linspace(0, 2 * np.pi, sides + 1)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    circle = np.append(circle, [[np.nan, np.nan]], axis=0)  # (sides + 2, 2)
    wide = np.broadcast_to(sigma, means.shape)[:, None]
    return (means[:, None] + wide * circle).reshape(-1, 2).astype(np.float32)


@dataclass(frozen=True)
class LinearVAE:
    """The best VAE whose encoder and decoder are linear, for one value of beta.

    It minimizes the mean over the data of

        |x - decoded|^2 / (2 noise^2) + beta * KL(q(z | x) from N(0, I)),

    with z drawn from q. No training is needed: along a principal direction of the data with
    variance `lambda`, all depends on the threshold s = beta * noise^2. Above it the latent is
    alive: the decoder's weight is sqrt(lambda - s), the posterior's variance s / lambda, and the
    KL costs log(lambda / s) / 2 nats. Below it the latent is dead: weight 0, variance 1, 0 nats.

    Source: Tipping and Bishop, "Probabilistic Principal Component Analysis", 1999, section 3.2; for
    the VAE: Lucas et al., "Don't Blame the ELBO!", NeurIPS 2019.

    Attributes:
        center: mean of the data, (D,).
        directions: the K principal directions of most variance, rows of length 1, (K, D).
        variances: of the data along them, (K,).
        left_over: variance of the data along all other directions together.
        noise: standard deviation of the decoder's Gaussian.
        beta: weight of the KL.
    """

    center: Float[np.ndarray, " D"]
    directions: Float[np.ndarray, "K D"]
    variances: Float[np.ndarray, " K"]
    left_over: float
    noise: float
    beta: float

    @classmethod
    def fit(
        cls, data: Float[np.ndarray, "S D"], noise: float, beta: float | int = 1.0, latents: int = 2
    ) -> LinearVAE:
        """Solve for the best one.

        Args:
            data: one row for each example.
            noise: standard deviation of the decoder's Gaussian.
            beta: weight of the KL.
            latents: K.

        Raises:
            ValueError: noise or beta is not positive, or there are fewer dimensions than latents.
        """
        if not (noise > 0 and beta > 0 and 1 <= latents <= data.shape[1]):
            raise ValueError(
                "Expected noise and beta above 0 and at most as many latents as dimensions, got "
                f"{noise}, {beta} and {latents} latents for {data.shape[1]} dimensions."
            )
        wide = data.astype(np.float64)
        center = wide.mean(axis=0)
        variances, columns = np.linalg.eigh(np.cov((wide - center).T, bias=True))
        order = np.argsort(-variances)[:latents]
        directions = columns[:, order].T
        # Eigenvectors have no sign of their own; the largest entry is made positive.
        largest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], axis=1)
        kept = variances[order]
        rest = float(variances.sum() - kept.sum())
        return cls(center, directions * np.sign(largest), kept, rest, noise, float(beta))

    def with_beta(self, beta: float | int) -> LinearVAE:
        """Return the best one for another beta: nothing about the data has to be computed again."""
        return replace(self, beta=float(beta))

    @property
    def threshold(self) -> float:
        """The variance s that a direction of the data must exceed for its latent to live."""
        return self.beta * self.noise**2

    @property
    def weights(self) -> Float[np.ndarray, " K"]:
        """How far the decoder moves along each direction for one unit of its latent."""
        return np.sqrt(np.maximum(self.variances - self.threshold, 0))

    @property
    def sigma(self) -> Float[np.ndarray, " K"]:
        """Standard deviations of q(z | x); the same for every x."""
        return np.sqrt(np.minimum(self.threshold / self.variances, 1))

    @property
    def kl(self) -> Float[np.ndarray, " K"]:
        """KL of each latent in nats, averaged over the data."""
        return np.maximum(np.log(self.variances / self.threshold), 0) / 2

    @property
    def error(self) -> float:
        """Mean of |x - decoded|^2 / (2 noise^2), in nats: what the decoder gets wrong."""
        squared = np.minimum(self.variances, self.threshold).sum() + self.left_over
        return float(squared / (2 * self.noise**2))

    def encode(self, data: Float[np.ndarray, "S D"]) -> Float[np.ndarray, "S K"]:
        """Return the means of q(z | x)."""
        along = (data - self.center) @ self.directions.T  # (S, K)
        return along * self.weights / np.maximum(self.variances, self.threshold)

    def decode(self, z: Float[np.ndarray, "S K"]) -> Float[np.ndarray, "S D"]:
        """Return the means of p(x | z)."""
        return self.center + (z * self.weights) @ self.directions
