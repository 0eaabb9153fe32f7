"""Recipes: from values to clouds, to code and back in time."""

from dataclasses import replace

import numpy as np
import pytest

from pcvae import editing
from pcvae.explore.code import code_of
from pcvae.explore.library import Library, as_clouds
from pcvae.explore.recipe import Ball, HalfSpace, History, Parts, PointEdit, Recipe
from pcvae.explore.workshop import Workshop

EDIT = PointEdit(Ball("latent", 7, 0.5, 0.2), (0.1, 0.0, -0.2), 1.3, 20.0, 0, 0.1, 0.5)
RECIPES = {
    "nothing": Recipe(),
    "z": Recipe(directions=(1.0, 0.0, -0.5), dimensions=((3, 0.5), (1, -1.0))),
    "h": Recipe(temperature=0.5, forget=0.3, width=1.2, lift=-0.4, seed=4),
    "factors": Recipe(factors=(("leg_height", 10.0), ("seat_width", -5.0))),
    "points": Recipe(kept=(EDIT, PointEdit(Parts((0, 1), 0.1), feature=1.0)), draft=EDIT),
    "half-space": Recipe(draft=PointEdit(HalfSpace("decoded", 0, 0.1, False, 0.1), degrees=30.0)),
    "fewer points": Recipe(shape=3, num_points=100, directions=(1.0, 0.0, 0.0)),
    "more points": Recipe(shape=3, num_points=300),
    "swap z": Recipe(mix="swap z", other=4),
    "swap h": Recipe(mix="swap h", other=4, width=0.8),
    "interpolate": Recipe(mix="both", other=4, amount=0.3),
    "interpolate to a sample": Recipe(mix="h", other=102, amount=0.6),
    "procedural": Recipe(shape=100, draft=PointEdit(Parts((0,)), shift=(0.0, 0.1, 0.0))),
    "sample": Recipe(shape=102, seed=3, draft=EDIT),
}


@pytest.fixture(scope="module", params=["held", "prior"])
def workshop(request, model, prior_model, chairs) -> Workshop:
    library = Library(chairs)
    library.add_procedural("mug", seed=1, num_points=256)
    library.add_procedural("chair", seed=2, num_points=200)
    library.add_sample(seed=5)
    return Workshop(model if request.param == "held" else prior_model, library, None, 3)


def cloud(workshop: Workshop, recipe: Recipe) -> np.ndarray:
    return workshop.decode(workshop.state(recipe))


@pytest.mark.parametrize("name", RECIPES)
def test_the_code_makes_the_same_cloud_bit_for_bit(workshop, chairs, name):
    recipe = replace(RECIPES[name], use_prior=workshop.has_prior)
    scope = {"model": workshop.model, "shapes": chairs}
    exec(code_of(workshop, recipe), scope)
    np.testing.assert_array_equal(scope["cloud"], cloud(workshop, recipe))
    if name != "nothing":
        plain = cloud(workshop, replace(recipe.unedited(), shape=0, num_points=None, seed=0))
        assert not np.array_equal(plain, scope["cloud"])


def test_through_the_noise_too(prior_model, chairs):
    workshop = Workshop(prior_model, Library(chairs), None, 3)
    recipe = Recipe(use_prior=True, mix="noise", other=4, amount=0.5)
    scope = {"model": prior_model, "shapes": chairs}
    exec(code_of(workshop, recipe), scope)
    np.testing.assert_array_equal(scope["cloud"], cloud(workshop, recipe))


def test_an_empty_recipe_is_the_encoded_shape(workshop, chairs):
    state = editing.encode(workshop.model, chairs.points[5])
    expected = editing.decode(workshop.model, state)
    recipe = Recipe(shape=5, use_prior=workshop.has_prior)
    np.testing.assert_array_equal(cloud(workshop, recipe), expected)


def test_undo_restores_bit_for_bit_and_redo_too(workshop):
    recipes = [replace(r, use_prior=workshop.has_prior) for r in RECIPES.values()]
    clouds = [cloud(workshop, recipe) for recipe in recipes]
    history = History(recipes[0])
    for recipe in recipes[1:]:
        history = history.push(recipe)
    for expected in clouds[-2::-1]:
        history = history.undo()
        np.testing.assert_array_equal(cloud(workshop, history.present), expected)
    assert history.undo() is history
    for expected in clouds[1:]:
        history = history.redo()
        np.testing.assert_array_equal(cloud(workshop, history.present), expected)
    assert history.redo() is history


def test_a_drag_is_one_step_of_history_and_a_new_edit_ends_the_future():
    start = Recipe(directions=(0.0,))
    history = History(start)
    for value in (0.1, 0.2, 0.3):
        history = history.push(replace(start, directions=(value,)), key="direction 0")
    history = history.push(replace(history.present, width=1.5), key="width")
    assert history.undo().present.directions == (0.3,)
    back = history.undo().undo()
    assert back.present == start
    assert back.push(start) is back
    assert back.push(replace(start, lift=1.0)).redo().present.lift == 1.0


def test_history_forgets_what_is_long_ago():
    history = History(Recipe())
    for step in range(3 * History.LIMIT):
        history = history.push(Recipe(lift=float(step + 1)))
    assert len(history.past) == History.LIMIT


def test_more_points_than_there_are_differ_by_their_noise(workshop, chairs):
    state = workshop.state(Recipe(num_points=300))
    assert len(state.h) == 300
    np.testing.assert_array_equal(state.noise[:256].shape, (256, 4))
    reference = workshop.reference(Recipe(num_points=300))
    np.testing.assert_array_equal(reference.input[256:], chairs.points[0][:44])
    assert not np.array_equal(state.h[256:], state.h[:44])


def test_factor_sliders_start_at_the_shapes_own_factors(workshop, chairs):
    own = workshop.own_factors(Recipe(shape=2))
    assert own["leg_height"] == pytest.approx(float(chairs.factors["chair/leg_height"][2]))
    assert workshop.family_of(Recipe(shape=2)) == "chair"
    assert workshop.family_of(Recipe(shape=100)) == ""  # a mug: none among the shapes
    with pytest.raises(ValueError, match="shapes whose factors are known"):
        workshop.factors_of(Recipe(shape=100))


def test_parts_of_a_shape_without_any_are_refused(workshop):
    recipe = Recipe(shape=102, draft=PointEdit(Parts((0,)), shift=(1.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="parts of this shape are not known"):
        workshop.state(recipe)


class TestLibrary:
    """What is added to the shapes of a set."""

    @pytest.fixture
    def library(self, boxes) -> Library:
        return Library(boxes)

    def test_files_are_read_and_scaled_to_the_unit_sphere(self, library, tmp_path, rng):
        points = (rng.normal(size=(500, 3)) * 7 + 3).astype(np.float32)
        np.save(tmp_path / "mine.npy", points)
        number = library.add_file("mine.npy", (tmp_path / "mine.npy").read_bytes(), num_points=300)
        read = library[number].points
        assert number == 8
        assert read.shape == (300, 3)
        assert np.linalg.norm(read, axis=1).max() == pytest.approx(1.0, abs=1e-5)
        assert library.names()[8] == "your mine.npy"

    def test_of_many_clouds_the_first_is_taken(self, library, tmp_path, rng):
        np.savez(tmp_path / "many.npz", points=rng.normal(size=(3, 40, 3)).astype(np.float32))
        number = library.add_file("many.npz", (tmp_path / "many.npz").read_bytes(), num_points=40)
        assert library[number].points.shape == (40, 3)

    def test_meshes_with_z_up_are_turned(self, library):
        text = b"v 0 0 0\nv 1 0 0\nv 0 0 5\nf 1 2 3\n"
        tall = library[library.add_file("a.obj", text, up="z")].points
        flat = library[library.add_file("b.obj", text, up="y")].points
        assert np.ptp(tall[:, 1]) > 3 * np.ptp(tall[:, 2])
        assert np.ptp(flat[:, 2]) > 3 * np.ptp(flat[:, 1])

    @pytest.mark.parametrize("name", ["x.txt", "x.npy", "x.obj", "x.npz"])
    def test_what_cannot_be_read_is_named(self, library, name):
        with pytest.raises(ValueError, match=name):
            library.add_file(name, b"not a shape at all")
        assert len(library) == 8

    def test_the_same_shape_is_added_once(self, library):
        assert library.add_procedural("chair", 3, 64) == library.add_procedural("chair", 3, 64)
        assert library.add_sample(1) != library.add_sample(2)
        assert len(library) == len(library.names()) == 11

    def test_arrays_become_sets(self, boxes):
        assert as_clouds(boxes) is boxes
        assert len(as_clouds(boxes.points[0])) == 1
        assert as_clouds(boxes.points).ids[-1] == "cloud 7"
        with pytest.raises(ValueError, match="Expected a CloudSet"):
            as_clouds(np.zeros((3, 2)))
