from collections import Counter

import numpy as np
import pytest

from pcvae.data.splits import assign_splits, near_duplicates, relatives, same_series


def spheres(*squeezed, seed=0):
    """Random points on unit spheres, each squeezed along Y."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(len(squeezed), 4000, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    directions[..., 1] *= np.array(squeezed)[:, None]
    return directions.astype(np.float32)


def test_near_duplicates_are_found_and_others_are_not():
    pairs = near_duplicates(spheres(1.0, 0.7, 1.0, 0.2))
    assert pairs.tolist() == [[0, 2]]
    assert near_duplicates(spheres(1.0, 0.5)).shape == (0, 2)


@pytest.mark.parametrize(
    ("first", "second", "related"),
    [
        (("Scopia#vase1", "Scopia"), ("Scopia#vase3", "Scopia"), True),
        (("Scopia#rattanSofa", "Scopia"), ("Scopia#rattanTable", "Scopia"), True),
        (("Scopia#chair", "Scopia"), ("Scopia#office_chair", "Scopia"), False),
        (("Scopia#wine_bottle", "Scopia"), ("Kator Legaz#wine_bottle", "Kator Legaz"), False),
        (("Blend Swap#pan", "Jay"), ("Blend Swap#chair", "Jay"), True),
        (("Blend Swap#vase1", "Jay"), ("Blend Swap#vase2", "Kay"), False),
    ],
)
def test_series_go_by_creator_and_for_studios_by_name(first, second, related):
    assert same_series(first, second) is related
    assert same_series(second, first) is related


def test_relations_of_both_kinds_chain():
    models = [("x#a", "A"), ("x#b", "B"), ("x#c", "A"), ("x#d", "D")]
    # The last is like the first, which has the third's creator; the second stands alone.
    groups = relatives(spheres(1.0, 0.7, 0.4, 1.0), models)
    assert groups[0] == groups[2] == groups[3] != groups[1]


def test_without_relatives_every_shape_is_its_own_group():
    groups = relatives(spheres(1.0, 0.5), [("x#a", "A"), ("x#b", "B")])
    assert len(set(groups.tolist())) == 2


@pytest.fixture
def made():
    rng = np.random.default_rng(1)
    groups = np.sort(rng.integers(0, 160, size=240))
    return groups, rng.choice(["chair", "lamp"], 240).tolist(), [f"x#{k:03d}" for k in range(240)]


def test_splits_keep_groups_whole_and_come_near_their_shares(made):
    groups, classes, ids = made
    splits = np.array(assign_splits(groups, classes, ids, seed=0))
    assert all(len(set(splits[groups == group])) == 1 for group in groups)
    for kind in ("chair", "lamp"):
        counts = Counter(splits[np.array(classes) == kind].tolist())
        total = sum(counts.values())
        for name, share in {"train": 0.7, "val": 0.1, "test": 0.2}.items():
            assert abs(counts[name] - share * total) <= 2


def test_splits_hang_on_the_seed_and_not_on_the_order(made):
    groups, classes, ids = made
    splits = assign_splits(groups, classes, ids, seed=0)
    back = assign_splits(groups[::-1], classes[::-1], ids[::-1], seed=0)[::-1]
    assert splits == back
    assert splits != assign_splits(groups, classes, ids, seed=1)
