"""Random splits: fair, repeatable, and their spread is that of the score."""

import numpy as np
import pytest

from pcvae.metrics import random_splits, scores_over_splits


def test_sets_are_of_one_size_and_share_no_shape():
    for split in random_splits(samples=7, held_out=9, count=20):
        assert [len(part) for part in split] == [4, 4, 4]
        assert len(np.unique(np.concatenate(split))) == 12
        assert set(split.samples) <= set(range(7))
        assert set(split.references) | set(split.peers) <= set(range(7, 16))


def test_every_shape_has_its_turn_in_every_set():
    splits = list(random_splits(samples=6, held_out=8, count=50))
    assert set(np.concatenate([s.samples for s in splits])) == set(range(6))
    assert set(np.concatenate([s.references for s in splits])) == set(range(6, 14))
    assert set(np.concatenate([s.peers for s in splits])) == set(range(6, 14))


def test_splits_are_the_same_every_time_and_others_with_another_seed():
    def numbers(count, seed):
        return [np.concatenate(s).tolist() for s in random_splits(20, 30, count, seed)]

    assert numbers(3, seed=0) == numbers(5, seed=0)[:3]
    assert numbers(3, seed=0) != numbers(3, seed=1)


@pytest.mark.parametrize(("samples", "held_out"), [(0, 10), (5, 1)])
def test_too_few_shapes_are_refused(samples, held_out):
    with pytest.raises(ValueError, match="at least one sample and two held-out"):
        list(random_splits(samples, held_out, 3))


def test_no_split_is_refused():
    with pytest.raises(ValueError, match="at least one split"):
        list(random_splits(5, 10, 0))


def test_floor_and_excess_are_those_of_the_peers(rng):
    values = np.concatenate([np.full(10, 5.0), rng.normal(size=20)])

    def score(one, other):
        return {"difference": float(values[one].mean() - values[other].mean())}

    splits = list(random_splits(10, 20, 40))
    found = scores_over_splits(score, splits)["difference"]
    assert found.value == pytest.approx(5 - np.mean([values[s.references].mean() for s in splits]))
    assert found.excess == pytest.approx(found.value - found.floor)
    # The mean of peers and references together is fixed, so that they mirror each other.
    assert found.floor_std == pytest.approx(2 * found.std)
    assert found.excess_std == pytest.approx(found.std)
    assert found.floor == pytest.approx(0, abs=0.3)


def test_the_spread_is_the_error_of_the_mean(rng):
    """Drawn anew many times, means over splits spread as far as one spread over splits says."""
    means, spreads = [], []
    for _ in range(200):
        values = rng.normal(size=80)

        def score(one, other, values=values):
            return {"mean": float(values[one].mean() - values[other].mean())}

        found = scores_over_splits(score, list(random_splits(40, 40, 30)))["mean"]
        means.append(found.value)
        spreads.append(found.std)
    assert np.mean(spreads) == pytest.approx(np.std(means), rel=0.15)
