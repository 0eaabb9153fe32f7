"""Random numbers that belong to a shape and an epoch, not to a process.

A run draws the same numbers for a shape whether it was interrupted or not, and on one device or
on many: which batch, process or device a shape comes to does not matter.
"""

import hashlib
from collections.abc import Callable, Iterable
from enum import IntEnum, unique
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@unique
class Stream(IntEnum):
    """What random numbers are for. Two streams have no numbers in common, whatever the shape is.

    A new stream takes a new number: with another one's, both would draw the same.
    """

    SUBSET = 1  # which points of a cloud a training step sees
    FLOW = 2  # noise and times of the prior's losses
    SAMPLE = 3  # noise of new shapes
    AUGMENTATION = 4  # how a training cloud is changed
    REBUILD = 5  # noise of reconstructions that are scored
    LATENTS = 6  # noise of the latents in training


TRAINING = (Stream.SUBSET, Stream.FLOW, Stream.AUGMENTATION, Stream.LATENTS)


def key_of(stream: Stream, seed: int, shape: int, epoch: int | None = None) -> tuple[int, ...]:
    """Return the whole numbers that seed the random numbers of one shape.

    Keys of training have four, of which the last is no 0; the others have three, which NumPy takes
    for four with a 0 at the end. So they never meet.

    Args:
        stream: what the numbers are for.
        seed: of the run, below 2 ** 32.
        shape: which shape of the set it is.
        epoch: how often the training set was seen before, for streams of training alone.

    Raises:
        ValueError: if an epoch is missing, or one too many.
    """
    if (epoch is not None) != (stream in TRAINING):
        raise ValueError(f"Streams of training have an epoch and others none: {stream}, {epoch}.")
    return (seed, shape, stream) if epoch is None else (seed, epoch, shape, stream)


def stream_for(
    stream: Stream, *, seed: int, shape: int, epoch: int | None = None
) -> torch.Generator:
    """Return the random numbers of one shape on the CPU, see `key_of`."""
    return generator_for(*key_of(stream, seed, shape, epoch))


def generator_for(*key: int) -> torch.Generator:
    """Return a generator on the CPU, seeded by non-negative whole numbers and by nothing else."""
    seed = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed >> np.uint64(1)))


def named_rng(seed: int, name: str) -> np.random.Generator:
    """Return NumPy's random numbers of a named shape: its turn among others does not matter."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def draw_for_shapes(
    stream: Stream,
    shapes: Iterable[int],
    draw: Callable[[torch.Generator], Iterable[Tensor]],
    *,
    seed: int,
    epoch: int | None = None,
) -> list[Tensor]:
    """Draw tensors for each shape with random numbers of its own.

    Args:
        stream: what the numbers are for.
        shapes: which shapes of the set, at least one.
        draw: makes the tensors of one shape, always of the same sizes.
        seed: of the run.
        epoch: as `key_of` takes it.

    Returns:
        The tensors on the CPU, those of all shapes stacked.
    """
    generators = (stream_for(stream, seed=seed, shape=shape, epoch=epoch) for shape in shapes)
    return [torch.stack(parts) for parts in zip(*map(draw, generators), strict=True)]


def normal(*sizes: tuple[int, ...]) -> Callable[[torch.Generator], list[Tensor]]:
    """Return what draws standard normal numbers of these sizes, one tensor after the other."""
    return lambda generator: [torch.randn(size, generator=generator) for size in sizes]


def noise_for_shapes(
    shapes: Tensor, *, seed: int, epoch: int, style_dim: int, point_dim: int, num_points: int
) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B N H"]]:
    """Draw the standard normal numbers of one training step.

    Args:
        shapes: (B,) whole numbers, which shapes of the training set the batch holds.
        seed: the run's seed.
        epoch: how often the training set was seen before.
        style_dim: S, length of z.
        point_dim: H, numbers for each local latent.
        num_points: N.

    Returns:
        Noise for z and noise for h, on the CPU.
    """
    draw = normal((style_dim,), (num_points, point_dim))
    return tuple(draw_for_shapes(Stream.LATENTS, shapes.tolist(), draw, seed=seed, epoch=epoch))


class FlowNoise(NamedTuple):
    """The random numbers of one training step of the prior.

    Attributes:
        style: standard normal, `repeats` rows for each shape.
        style_times: uniform between 0 and 1, one a row.
        points: standard normal, one row for each local latent.
        point_times: uniform between 0 and 1, one for each local latent.
    """

    style: Float[Tensor, "R S"]
    style_times: Float[Tensor, " R"]
    points: Float[Tensor, "B N H"]
    point_times: Float[Tensor, "B N"]


def flow_noise_for_shapes(
    shapes: Tensor,
    *,
    seed: int,
    epoch: int,
    style_dim: int,
    point_dim: int,
    num_points: int,
    repeats: int,
) -> FlowNoise:
    """Draw what one training step of the prior needs, on the CPU.

    Args:
        shapes: (B,) whole numbers, which shapes of the training set the batch holds.
        seed: the run's seed.
        epoch: how often the training set was seen before.
        style_dim: S, length of z.
        point_dim: H, numbers for each local latent.
        num_points: N.
        repeats: rows of noise for each z; R is B times that many.
    """

    def draw(generator: torch.Generator) -> tuple[Tensor, ...]:
        return (
            torch.randn(repeats, style_dim, generator=generator),
            torch.rand(repeats, generator=generator),
            torch.randn(num_points, point_dim, generator=generator),
            torch.rand(num_points, generator=generator),
        )

    style, style_times, points, point_times = draw_for_shapes(
        Stream.FLOW, shapes.tolist(), draw, seed=seed, epoch=epoch
    )
    return FlowNoise(style.flatten(0, 1), style_times.flatten(), points, point_times)
