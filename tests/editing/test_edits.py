import numpy as np
import pytest
import torch

from pcvae import editing
from pcvae.diagnostics import style_means
from pcvae.editing import LatentState
from pcvae.models import Normalization, PointCloudVAE, VAEConfig


@pytest.fixture
def states(model, boxes) -> list[LatentState]:
    return [editing.encode(model, points, seed=1) for points in boxes.points[:2]]


@pytest.fixture
def means(model, boxes) -> torch.Tensor:
    return torch.from_numpy(style_means(model, boxes.points))


@pytest.fixture
def directions(means) -> editing.Directions:
    return editing.principal_directions(means)


def same(one: LatentState, other: LatentState) -> bool:
    """Whether two states hold the same latents bit for bit."""
    names = ("z", "h_mean", "h_sigma", "noise", "h")
    equal = all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)
    return equal and one.temperature == other.temperature and one.flow is other.flow


def test_means_decode_to_the_models_own_reconstruction(model, boxes, states):
    expected = model.reconstruct(torch.from_numpy(boxes.points[:1]))[0].detach().numpy()
    cold = editing.with_temperature(states[0], 0.0)
    np.testing.assert_array_equal(editing.decode(model, cold), expected)


def test_edits_of_nothing_are_the_identity(model, states, directions):
    state, other = states
    everywhere = np.ones(64, dtype=np.float32)
    for unchanged in (
        editing.move_style(state, directions, [0.0, 0.0, 0.0]),
        editing.with_temperature(state, 1.0),
        editing.forget_input(state, 0.0),
        editing.scale_points(state, 1.0),
        editing.lift_points(state, 0.0),
        editing.move_dimensions(state, {3: 0.0}),
        editing.move(state, everywhere, (0, 0, 0)),
        editing.move(state, 0 * everywhere, (1, 2, 3)),
        editing.stretch(state, everywhere, (1, 1, 1)),
        editing.turn(state, everywhere, 0.0),
        editing.jitter(state, everywhere, 0.0),
        editing.slide_feature(state, everywhere, 0.0),
        editing.interpolate(model, state, other, 0.0, "both"),
        editing.with_style_of(state, state),
        editing.with_points_of(state, state),
    ):
        assert same(unchanged, state)


def test_edits_leave_the_old_state_alone(model, boxes, states, directions):
    state = states[0]
    editing.move_style(state, directions, [1.0])
    editing.lift_points(state, 1.0)
    editing.scale_points(editing.forget_input(state, 0.5), 2.0)
    assert same(state, editing.encode(model, boxes.points[0], seed=1))


def test_directions_are_orthonormal_and_rebuild_the_covariance(means, directions):
    gram = directions.basis @ directions.basis.T
    torch.testing.assert_close(gram, torch.eye(len(directions)), atol=1e-5, rtol=0)
    rebuilt = directions.basis.T * directions.deviations.square() @ directions.basis
    torch.testing.assert_close(rebuilt, torch.cov(means.T), atol=1e-5, rtol=1e-4)
    assert float(directions.variance_share.sum()) == pytest.approx(1)
    assert (directions.deviations.diff() <= 0).all()


def test_directions_do_not_depend_on_the_order_of_shapes(means, directions):
    shuffled = editing.principal_directions(means[torch.randperm(len(means))], 3)
    torch.testing.assert_close(shuffled.basis, directions.basis[:3], atol=1e-4, rtol=0)


def test_slider_is_linear_in_z_and_counts_in_standard_deviations(states, directions):
    state = states[0]
    there = editing.move_style(state, directions, [1.5, -0.5])
    back = editing.move_style(there, directions, [-1.5, 0.5])
    torch.testing.assert_close(back.z, state.z)
    along = (there.z - state.z) @ directions.basis.T / directions.deviations
    expected = torch.zeros(len(directions))
    expected[:2] = torch.tensor([1.5, -0.5])
    torch.testing.assert_close(along, expected, atol=1e-3, rtol=0)
    assert torch.equal(there.h, state.h)


def test_temperature_scales_noise_linearly(states):
    state = states[0]
    cold, half, full = (editing.with_temperature(state, t).h for t in (0.0, 0.5, 1.0))
    assert torch.equal(cold, state.h_mean)
    half, full = half - cold, full - cold
    torch.testing.assert_close(2 * half, full)
    torch.testing.assert_close(full, state.h_sigma * state.noise)


def test_all_forgotten_is_the_prior(states):
    gone = editing.forget_input(states[0], 1.0)
    assert torch.equal(gone.h, states[0].noise)
    assert torch.equal(gone.z, states[0].z)


def test_lift_moves_the_lower_part_only_and_only_upward(states):
    state = states[0]
    moved = editing.lift_points(state, 0.7, edge=0.0, softness=0.02).h - state.h
    height = state.h[:, 1]
    assert torch.equal(moved[:, [0, 2, 3]], torch.zeros_like(moved[:, [0, 2, 3]]))
    torch.testing.assert_close(
        moved[height < -0.3, 1], torch.full_like(moved[height < -0.3, 1], 0.7)
    )
    assert (moved[height > 0.3, 1] < 1e-4).all()


def test_width_stretches_points_with_their_noise(states):
    warm = editing.with_temperature(states[0], 0.7)
    expected = warm.h * torch.tensor([1.5, 1.0, 1.0, 1.0])
    torch.testing.assert_close(editing.scale_points(warm, 1.5).h, expected)


def test_swaps_exchange_exactly_one_latent(states):
    one, other = states
    styled = editing.with_style_of(one, other)
    assert torch.equal(styled.z, other.z)
    assert torch.equal(styled.h, one.h)
    assert same(editing.with_points_of(one, other), editing.with_style_of(other, one))


def test_shuffled_input_gives_a_shuffled_decode(model, boxes):
    order = np.random.default_rng(0).permutation(64)
    states = [editing.encode(model, points) for points in (boxes.points[0], boxes.points[0][order])]
    # At their means: the noise would not be shuffled with the points.
    plain, shuffled = (editing.decode(model, editing.with_temperature(s, 0.0)) for s in states)
    np.testing.assert_allclose(shuffled, plain[order], atol=1e-5)


def test_mean_displacement_of_a_shift_is_its_length(boxes):
    points = boxes.points[0]
    shift = np.array([0.0, 0.3, 0.4], dtype=np.float32)
    assert editing.mean_displacement(points + shift, points) == pytest.approx(0.5, abs=1e-6)


def test_impossible_edits_say_so(model, boxes, states, means, directions):
    with pytest.raises(ValueError, match="must not be negative"):
        editing.with_temperature(states[0], -0.1)
    with pytest.raises(ValueError, match="from 0"):
        editing.forget_input(states[0], 1.1)
    with pytest.raises(ValueError, match="amounts were given for 7 directions"):
        editing.move_style(states[0], directions, [0.0] * 8)
    with pytest.raises(ValueError, match="Give more shapes"):
        editing.principal_directions(means[:3], 3)
    broken = boxes.points[0].copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="1 are not finite"):
        editing.encode(model, broken)
    with pytest.raises(ValueError, match="no learned prior"):
        editing.through_prior(model, states[0])
    with pytest.raises(ValueError, match="needs a model with a learned prior"):
        editing.interpolate(model, *states, 0.5, "noise")
    with pytest.raises(ValueError, match="0 to 15, but 16"):
        editing.move_dimensions(states[0], {16: 1.0})


def test_single_numbers_of_z_move_by_what_was_asked(states):
    moved = editing.move_dimensions(states[0], {2: 0.5, 7: -1.0}).z - states[0].z
    expected = torch.zeros(16)
    expected[2], expected[7] = 0.5, -1.0
    torch.testing.assert_close(moved, expected)


def test_each_cloud_comes_back_by_its_own_size_where_that_is_the_models_way(boxes):
    config = VAEConfig(style_dim=8, width=8, normalization="box")
    own = PointCloudVAE(config, Normalization(mode="box")).eval()
    state = editing.encode(own, boxes.points[2])
    cold = editing.decode(own, editing.with_temperature(state, 0.0))
    expected = own.reconstruct(torch.from_numpy(boxes.points[2:3]))[0].detach().numpy()
    np.testing.assert_array_equal(cold, expected)


class TestThroughThePrior:
    """h made from z and noise."""

    @pytest.fixture
    def state(self, prior_model, boxes) -> LatentState:
        return editing.encode(prior_model, boxes.points[0], seed=1)

    def test_is_the_way_of_models_with_a_prior_and_begins_at_the_encoded_h(
        self, prior_model, boxes, state
    ):
        held = editing.encode(prior_model, boxes.points[0], seed=1, use_prior=False)
        assert state.flow is prior_model.prior.points
        assert held.flow is None
        torch.testing.assert_close(state.h, held.h, atol=1e-5, rtol=1e-5)
        assert same(editing.through_posterior(state), held)

    def test_h_follows_z_and_the_noise_is_kept(self, prior_model, state):
        moved = editing.move_dimensions(state, {0: 1.0})
        assert torch.equal(moved.flow_noise, state.flow_noise)
        by = prior_model.prior.points.shift[0].expand(64, 4)
        torch.testing.assert_close(moved.h - state.h, by, atol=1e-4, rtol=1e-4)
        held = editing.through_posterior(state)
        assert torch.equal(editing.move_dimensions(held, {0: 1.0}).h, held.h)

    def test_edits_of_points_stay_when_h_follows_z(self, state):
        weight = editing.select_half_space(editing.latent_points(state), 1, 0.0)
        lifted = editing.move(state, weight, (0, 0.5, 0))
        both = editing.move_dimensions(lifted, {0: 1.0})
        plain = editing.move_dimensions(state, {0: 1.0})
        expected = 0.5 * torch.from_numpy(weight)
        torch.testing.assert_close((both.h - plain.h)[:, 1], expected, atol=1e-5, rtol=0)

    def test_all_forgotten_is_the_noise_of_the_seed(self, prior_model, state):
        gone = editing.forget_input(state, 1.0)
        with torch.inference_mode():
            expected = prior_model.prior.points.from_noise(state.noise[None], state.z[None])[0]
        assert torch.equal(gone.h, expected)
        assert torch.equal(editing.with_noise(state, 1).h, expected)
        assert not torch.equal(editing.with_noise(state, 2).h, expected)

    def test_no_noise_takes_all_points_to_one_place(self, state):
        h = editing.with_temperature(state, 0.0).h
        torch.testing.assert_close(h, h[:1].expand_as(h))

    def test_the_way_through_the_noise_ends_at_the_other_shape(self, prior_model, boxes, state):
        other = editing.encode(prior_model, boxes.points[1], seed=2)
        there = editing.interpolate(prior_model, state, other, 1.0, "noise")
        torch.testing.assert_close(there.z, other.z)
        torch.testing.assert_close(there.h, other.h, atol=1e-4, rtol=1e-4)

    def test_samples_follow_the_prior_and_the_seed(self, prior_model, model):
        one, again, other = (editing.from_prior(prior_model, 50, seed) for seed in (3, 3, 4))
        assert same(one, again)
        assert not torch.equal(one.z, other.z)
        assert one.h.shape == (50, 4)
        free = editing.from_prior(model, 50, 3)
        torch.testing.assert_close(one.z, 0.5 * free.z)  # what StraightFlow makes of the same noise
        assert torch.equal(free.h, free.noise)
        with pytest.raises(ValueError, match="at least 1 point"):
            editing.from_prior(model, 0)


def test_new_noise_is_another_draw_of_the_same_posterior(states):
    state = states[0]
    new = editing.with_noise(state, 7)
    assert torch.equal(new.h_mean, state.h_mean)
    assert not torch.equal(new.h, state.h)
    assert same(editing.with_noise(state, 1), state)
