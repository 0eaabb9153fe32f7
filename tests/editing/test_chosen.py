import math

import numpy as np
import pytest
import torch

from pcvae import editing
from pcvae.editing import LatentState

FAR = (
    0.1  # data units (a shape has radius 1): what pooling may carry to points that were not chosen
)


@pytest.fixture
def state(model, boxes) -> LatentState:
    return editing.encode(model, boxes.points[0], seed=1)


@pytest.fixture
def weight(state) -> np.ndarray:
    """A soft ball about the first point."""
    points = editing.latent_points(state)
    return editing.select_ball(points, points[0], 0.3, softness=0.4)


def edits(state: LatentState, weight: np.ndarray) -> dict[str, LatentState]:
    return {
        "move": editing.move(state, weight, (0.1, 0.2, -0.3)),
        "stretch": editing.stretch(state, weight, (1.5, 0.5, 1.2)),
        "turn": editing.turn(state, weight, 40.0, axis=2),
        "jitter": editing.jitter(state, weight, 0.2, seed=3),
        "feature": editing.slide_feature(state, weight, 1.5),
    }


def test_points_that_are_not_chosen_keep_their_latents_bit_for_bit(state, weight):
    outside = torch.from_numpy(weight == 0)
    assert 10 < int(outside.sum()) < 60
    for name, edited in edits(state, weight).items():
        assert torch.equal(edited.h[outside], state.h[outside]), name
        assert not torch.equal(edited.h, state.h), name
        assert torch.equal(edited.z, state.z), name


def test_far_points_stay_within_a_tolerance_when_decoded(model, state, weight):
    before = editing.decode(model, state)
    for name, edited in edits(state, weight).items():
        moved = np.linalg.norm(editing.decode(model, edited) - before, axis=1)
        if name != "feature":
            assert moved[weight > 0.5].mean() > 3 * moved[weight == 0].mean(), name
        assert moved[weight == 0].max() < FAR, name


def test_moves_add_up_and_go_back(state, weight):
    there = editing.move(editing.move(state, weight, (1, 0, 0)), weight, (0, 2, 0))
    at_once = editing.move(state, weight, (1, 2, 0))
    torch.testing.assert_close(there.h, at_once.h)
    torch.testing.assert_close(editing.move(at_once, weight, (-1, -2, 0)).h, state.h)


def test_turning_keeps_distances_and_the_upright_coordinate(state):
    hard = editing.select_half_space(editing.latent_points(state), 0, 0.1)
    chosen = torch.from_numpy(hard == 1)
    turned = editing.turn(state, hard, 73.0)
    before, after = state.h[chosen, :3], turned.h[chosen, :3]
    distances = [(p[:, None] - p).norm(dim=-1) for p in (before, after)]
    torch.testing.assert_close(*distances, atol=1e-5, rtol=1e-5)
    assert torch.equal(after[:, 1], before[:, 1])
    torch.testing.assert_close(after.mean(dim=0), before.mean(dim=0))


@pytest.mark.parametrize(("axis", "start", "end"), [(1, 2, 0), (0, 1, 2), (2, 0, 1)])
def test_a_quarter_turn_is_counterclockwise(state, axis, start, end):
    place = torch.zeros(64, 4)
    place[:, start] = 1.0
    (edit,) = editing.turn(state, np.ones(64, np.float32), 90.0, axis, about=(0, 0, 0)).edits
    turned = edit(place)[0]
    assert turned[end] == pytest.approx(1.0)
    assert turned[start] == pytest.approx(0.0, abs=1e-6)


def test_stretching_multiplies_spreads_and_keeps_the_middle(state):
    everywhere = np.ones(64, np.float32)
    h = editing.stretch(state, everywhere, (2, 1, 0.5)).h
    factors = torch.tensor([2.0, 1.0, 0.5, 1.0])
    torch.testing.assert_close(h.std(dim=0), state.h.std(dim=0) * factors)
    torch.testing.assert_close(h[:, :3].mean(dim=0), state.h[:, :3].mean(dim=0))


def test_jitter_has_the_spread_asked_for_and_belongs_to_its_seed(model, boxes):
    many = editing.encode(model, np.tile(boxes.points[0], (60, 1)))
    everywhere = np.ones(len(many.h), np.float32)
    shaken = editing.jitter(many, everywhere, 0.3, seed=5)
    change = (shaken.h - many.h)[:, :3]
    assert float(change.std()) == pytest.approx(0.3, rel=0.05)
    assert float(change.mean()) == pytest.approx(0.0, abs=0.02)
    assert torch.equal(shaken.h, editing.jitter(many, everywhere, 0.3, seed=5).h)
    assert not torch.equal(shaken.h, editing.jitter(many, everywhere, 0.3, seed=6).h)


def test_a_weight_of_one_half_does_half(state):
    half = np.full(64, 0.5, np.float32)
    moved = editing.move(state, half, (0, 1, 0)).h - state.h
    torch.testing.assert_close(moved[:, 1], torch.full((64,), 0.5))
    place = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(64, 4)
    (edit,) = editing.turn(state, half, 90.0, about=(0, 0, 0)).edits
    assert edit(place)[0, 2] == pytest.approx(-math.sqrt(0.5))  # 45 degrees, from x to -z


def test_ball_fades_from_its_radius_on(rng):
    points = rng.normal(size=(500, 3)).astype(np.float32)
    distance = np.linalg.norm(points - points[7], axis=1)
    hard, soft = (editing.select_ball(points, points[7], 0.8, s) for s in (0.0, 0.5))
    np.testing.assert_array_equal(hard, distance <= 0.8)
    assert (soft[distance <= 0.8] == 1).all()
    assert (soft[distance >= 1.3001] == 0).all()
    order = np.argsort(distance)
    assert (np.diff(soft[order]) <= 1e-6).all()
    assert ((soft > 0.01) & (soft < 0.99)).any()


def test_half_spaces_of_both_sides_hold_every_point(rng):
    points = rng.normal(size=(200, 3)).astype(np.float32)
    for axis in range(3):
        above = editing.select_half_space(points, axis, 0.3)
        below = editing.select_half_space(points, axis, 0.3, above=False)
        np.testing.assert_array_equal(above + below, np.ones(200))
        np.testing.assert_array_equal(above == 1, points[:, axis] >= np.float32(0.3))


def test_parts_are_their_labels_and_fade_with_distance(rng):
    points = rng.normal(size=(300, 3)).astype(np.float32)
    labels = (points[:, 1] > 0).astype(np.uint8) + 2 * (points[:, 0] > 0).astype(np.uint8)
    np.testing.assert_array_equal(editing.select_parts(points, labels, [1, 2]), (labels % 3) > 0)
    soft = editing.select_parts(points, labels, [3], softness=0.5)
    assert (soft[labels == 3] == 1).all()
    nearest = np.linalg.norm(points[:, None] - points[labels == 3], axis=2).min(axis=1)
    assert (soft[nearest > 0.5] == 0).all()
    assert ((soft > 0) & (soft < 1)).any()
    assert not editing.select_parts(points, labels, [], softness=0.5).any()


def test_impossible_selections_and_edits_say_so(state):
    with pytest.raises(ValueError, match="one weight for each of 64 points"):
        editing.move(state, np.ones(63, np.float32), (1, 0, 0))
    with pytest.raises(ValueError, match="cannot have a width of -1"):
        editing.select_ball(np.zeros((3, 3), np.float32), (0, 0, 0), 1.0, -1)
    with pytest.raises(ValueError, match="Expected 3 numbers"):
        editing.move(state, np.ones(64, np.float32), (1, 0))
