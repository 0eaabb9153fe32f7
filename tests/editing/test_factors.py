import numpy as np
import pytest
import torch

from pcvae import editing
from pcvae.data.procedural import generate
from pcvae.editing import LatentState, factors
from pcvae.shapes import families


@pytest.fixture(scope="module")
def built():
    return generate(["chair"], count=200, num_points=2048, seed=5)


@pytest.fixture(scope="module")
def linear(built):
    """z that is exactly linear in the factors, and how."""
    names = [factor.name for factor in families()["chair"].factors]
    table = np.stack([built.factors[f"chair/{name}"] for name in names], axis=1).astype(float)
    table = np.where(np.isnan(table), np.nanmean(table, axis=0), table)
    spread = table.std(axis=0)
    slopes = np.random.default_rng(2).normal(size=(len(names), 16)) / spread[:, None]
    return (table @ slopes).astype(np.float32), slopes


def test_finds_the_slopes_of_a_z_that_is_linear_in_the_factors(built, linear):
    means, slopes = linear
    fitted = factors.fit_factors(means, built.factors, "chair")
    assert fitted.explained > 0.999
    spread = np.nanstd([built.factors[f"chair/{name}"] for name in fitted.names], axis=1)
    error = (fitted.basis.numpy() - slopes) * spread[:, None]
    assert np.abs(error).max() < 0.05  # where a slope has 1: the ridge costs a little


def test_one_factor_moves_and_the_others_stay(built, linear):
    """The slider's slope: what is asked of one factor is what a readout of z finds of it."""
    means, _ = linear
    fitted = factors.fit_factors(means, built.factors, "chair")
    table = np.stack([built.factors[f"chair/{name}"] for name in fitted.names], axis=1)
    table = np.where(np.isnan(table), np.nanmean(table, axis=0), table).astype(float)
    design = np.hstack([means, np.ones((len(means), 1))]).astype(float)
    readout = np.linalg.lstsq(design, table, rcond=None)[0][:-1]  # z -> factors
    zeros = torch.zeros(4, 4)
    state = LatentState(torch.zeros(16), zeros, zeros + 1, zeros)
    for index, name in enumerate(fitted.names):
        moved = factors.move_factors(state, fitted, {name: 1.0}).z.numpy() @ readout
        assert moved[index] == pytest.approx(1.0, abs=0.05), name
        others = np.delete(moved / table.std(axis=0), index) * table.std(axis=0)[index]
        assert np.abs(others).max() < 0.05, name


@pytest.fixture(scope="module")
def bent(built):
    """z that is quadratic in two factors, and linear in the others, as a function of them."""
    names = [factor.name for factor in families()["chair"].factors]
    table = np.stack([built.factors[f"chair/{name}"] for name in names], axis=1).astype(float)
    mean, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    slopes = np.random.default_rng(2).normal(size=(len(names) + 1, 16))

    def style(table):
        inputs = np.nan_to_num((table - mean) / spread)
        product = inputs[:, :1] * inputs[:, 1:2]  # leg height times seat width
        return (np.hstack([inputs, product]) @ slopes).astype(np.float32)

    return table, style


def test_a_curve_follows_a_z_that_is_not_linear_in_the_factors(built, bent):
    """Asked for longer legs, a shape comes to the z that a shape with longer legs has."""
    table, style = bent
    zeros = torch.zeros(2, 4)
    states = [LatentState(torch.from_numpy(z), zeros, zeros + 1, zeros) for z in style(table)]
    longer = table.copy()
    longer[:, 0] += 8.0
    truth = style(longer) - style(table)
    off = {}
    for curved in (False, True):
        fitted = factors.fit_factors(style(table), built.factors, "chair", curved=curved)
        moved = [factors.move_factors(state, fitted, {"leg_height": 8.0}).z for state in states]
        change = torch.stack(moved).numpy() - style(table)
        off[curved] = np.abs(change - truth).mean() / np.abs(truth).mean()
    assert off[True] < 0.1
    assert off[False] > 0.3


def test_too_few_shapes_for_a_curve_give_straight_directions(built, linear):
    means, _ = linear
    few = {name: values[:120] for name, values in built.factors.items()}
    fitted = factors.fit_factors(means[:120], few, "chair", curved=True)
    assert fitted.curve is None
    plain = factors.fit_factors(means[:120], few, "chair")
    torch.testing.assert_close(fitted.basis, plain.basis)


def test_a_curve_through_a_linear_z_is_straight(built, linear, states_of_sixteen):
    means, slopes = linear
    fitted = factors.fit_factors(means, built.factors, "chair", curved=True)
    assert fitted.curve is not None
    moved = factors.move_factors(states_of_sixteen, fitted, {"seat_width": 5.0}).z
    moved = moved - states_of_sixteen.z
    expected = 5.0 * slopes[fitted.names.index("seat_width")]
    assert np.abs(moved.numpy() - expected).max() < 0.1 * np.abs(expected).max()


@pytest.fixture
def states_of_sixteen(linear) -> LatentState:
    zeros = torch.zeros(3, 4)
    return LatentState(torch.from_numpy(linear[0].mean(axis=0)), zeros, zeros + 1, zeros)


def test_measuring_what_was_built_gives_what_was_asked(built):
    fitted = factors.fit_factors(np.ones((200, 4), np.float32), built.factors, "chair")
    for row in range(12):
        asked = {name: float(built.factors[f"chair/{name}"][row]) for name in fitted.names}
        found = factors.measure(fitted, built.points[row], asked)
        for name in ("leg_height", "seat_width", "seat_depth"):
            assert found[name] == pytest.approx(asked[name], abs=3.0), name  # cm


def test_without_a_known_shape_the_mean_scale_is_used(built):
    fitted = factors.fit_factors(np.zeros((200, 4), np.float32), built.factors, "chair")
    assert fitted.scale == pytest.approx(float(built.factors["scale"].mean()), rel=1e-5)
    found = factors.measure(fitted, built.points[0])
    exact = factors.measure(fitted, built.points[0], _asked(built, fitted, 0))
    ratio = built.factors["scale"][0] / fitted.scale
    assert found["seat_width"] == pytest.approx(exact["seat_width"] * ratio, rel=1e-4)


def _asked(built, fitted, row: int) -> dict[str, float]:
    return {name: float(built.factors[f"chair/{name}"][row]) for name in fitted.names}


def test_values_are_brought_within_what_the_family_allows(built):
    chair = families()["chair"]
    found = factors.allowed(chair, {"leg_height": 500, "num_slats": 3.7, "seat_width": np.nan})
    assert found["leg_height"] == 60
    assert found["num_slats"] == 4
    chair.check(found)


def test_factors_of_other_families_and_unknown_ones_are_refused(built, states_of_four):
    means = np.zeros((200, 4), np.float32)
    with pytest.raises(ValueError, match="Expected a family"):
        factors.fit_factors(means, built.factors, "boat")
    with pytest.raises(ValueError, match="but there are 0"):
        factors.fit_factors(means, built.factors, "table")
    fitted = factors.fit_factors(means, built.factors, "chair")
    with pytest.raises(ValueError, match="no factor 'wings'"):
        factors.move_factors(states_of_four, fitted, {"wings": 1.0})
    assert factors.move_factors(states_of_four, fitted, {"leg_height": 0.0}) is states_of_four


@pytest.fixture
def states_of_four() -> LatentState:
    zeros = torch.zeros(3, 4)
    return editing.LatentState(torch.zeros(4), zeros, zeros + 1, zeros)
