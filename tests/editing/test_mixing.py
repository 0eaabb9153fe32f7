import numpy as np
import pytest
import torch

from pcvae import editing


@pytest.fixture
def pair(model, boxes):
    return [editing.encode(model, boxes.points[row], seed=row) for row in (0, 1)]


def test_between_two_draws_of_noise_lies_a_draw_of_noise(generator):
    one, other = torch.randn(2, 100_000, generator=generator)
    for amount in (0.0, 0.25, 0.5, 1.0):
        assert float(editing.slerp(one, other, amount).std()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(editing.slerp(one, other, 0), one)
    assert torch.equal(editing.slerp(one, other, 1), other)


def test_ends_of_the_way_are_the_two_shapes(model, pair):
    one, other = pair
    assert editing.interpolate(model, one, other, 0.0) is one
    there = editing.interpolate(model, one, other, 1.0)
    torch.testing.assert_close(there.z, other.z)
    torch.testing.assert_close(there.h, other.h)
    np.testing.assert_allclose(
        editing.decode(model, there), editing.decode(model, other), atol=1e-5
    )


def test_each_latent_goes_alone_if_asked(model, pair):
    one, other = pair
    z_only = editing.interpolate(model, one, other, 0.5, "z")
    assert torch.equal(z_only.h, one.h)
    torch.testing.assert_close(z_only.z, (one.z + other.z) / 2)
    h_only = editing.interpolate(model, one, other, 0.5, "h")
    assert torch.equal(h_only.z, one.z)
    torch.testing.assert_close(h_only.h_mean, (one.h_mean + other.h_mean) / 2)
    torch.testing.assert_close(h_only.h_sigma, (one.h_sigma * other.h_sigma).sqrt())


def test_pairing_is_one_to_one_and_finds_a_cloud_in_another_order(rng):
    points = rng.normal(size=(777, 3)).astype(np.float32)
    shuffled = rng.permutation(777)
    order = editing.match_points(points, points[shuffled])
    assert sorted(order) == list(range(777))
    np.testing.assert_array_equal(points[shuffled][order], points)


def test_pairs_are_much_nearer_than_chance(rng, boxes):
    one, other = boxes.points[0], boxes.points[1]
    order = editing.match_points(one, other)
    paired = np.linalg.norm(one - other[order], axis=1).mean()
    chance = np.linalg.norm(one - other, axis=1).mean()
    assert paired < 0.7 * chance


def test_pairing_reorders_the_others_points(model, pair, rng):
    one, other = pair
    order = rng.permutation(64)
    there = editing.interpolate(model, one, other, 1.0, "h", order)
    torch.testing.assert_close(there.h, other.h[torch.from_numpy(order)])


def test_impossible_mixtures_say_so(model, pair, boxes):
    fewer = editing.encode(model, boxes.points[1, :10])
    with pytest.raises(ValueError, match="64 points in one shape and 10 in the other"):
        editing.interpolate(model, pair[0], fewer, 0.5)
    assert editing.interpolate(model, pair[0], fewer, 0.5, "z").h.shape == (64, 4)
    with pytest.raises(ValueError, match="clouds of one size"):
        editing.match_points(boxes.points[0], boxes.points[1, :10])
