"""How sure is a score? The same score of many random parts, beside that of real shapes.

A score of one set of samples against one set of references has noise from the choice of both. So
shapes are drawn again and again: half of the held-out shapes are references, and the other half
*peers*, which stand in for samples. What peers score is the *floor*: no generator can be expected
to do better than shapes that are real.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int


class Split(NamedTuple):
    """Three sets of shapes of the same size, by number.

    Attributes:
        samples: some of the new shapes, numbered from 0.
        references: half of the held-out shapes, numbered on from the last new one.
        peers: the other half.
    """

    samples: Int[np.ndarray, " N"]
    references: Int[np.ndarray, " N"]
    peers: Int[np.ndarray, " N"]


class Score(NamedTuple):
    """A score over all splits.

    Attributes:
        value: mean.
        std: standard deviation over the splits.
        floor: mean score of the peers.
        floor_std: its standard deviation.
        excess: mean of the score less the floor of the same split.
        excess_std: its standard deviation.
    """

    value: float
    std: float
    floor: float
    floor_std: float
    excess: float
    excess_std: float


def set_size(samples: int, held_out: int) -> int:
    """Return how many shapes a set of a split has.

    Args:
        samples: how many new shapes there are.
        held_out: how many real ones.

    Raises:
        ValueError: if there is no new shape, or fewer than two real ones.
    """
    size = min(samples, held_out // 2)
    if size < 1:
        raise ValueError(
            f"Scores need at least one sample and two held-out shapes, of which one is compared "
            f"with the other; got {samples} and {held_out}."
        )
    return size


def random_splits(samples: int, held_out: int, count: int, seed: int = 0) -> Iterator[Split]:
    """Draw splits.

    With twice as many samples as a set has, as with the held-out shapes, the standard deviation
    over splits is that of the mean over splits, by the jackknife that leaves out half. With no more
    samples than that, all are in every set, and the noise of their choice is not in it.

    Args:
        samples: how many new shapes there are.
        held_out: how many real ones.
        count: how many splits.
        seed: the same seed gives the same splits.

    Raises:
        ValueError: if there are too few shapes, or there is to be no split.
    """
    size = set_size(samples, held_out)
    if count < 1:
        raise ValueError(f"Expected at least one split, got {count}.")
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        chosen = np.sort(rng.permutation(samples)[:size])
        real = samples + rng.permutation(held_out)
        yield Split(chosen, np.sort(real[:size]), np.sort(real[size : 2 * size]))


def scores_over_splits(
    score: Callable[[Int[np.ndarray, " N"], Int[np.ndarray, " N"]], dict[str, float]],
    splits: Sequence[Split],
) -> dict[str, Score]:
    """Return scores by name, with their floors.

    Args:
        score: gives scores by name of samples against references, by their numbers.
        splits: at least one.
    """
    found = [score(split.samples, split.references) for split in splits]
    floors = [score(split.peers, split.references) for split in splits]
    return {
        name: _summary(
            np.array([one[name] for one in found]), np.array([one[name] for one in floors])
        )
        for name in found[0]
    }


def _summary(values: np.ndarray, floors: np.ndarray) -> Score:
    """Return means and standard deviations."""
    pairs = [(part.mean(), part.std()) for part in (values, floors, values - floors)]
    return Score(*(float(number) for pair in pairs for number in pair))
