from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from plot_samples import RECIP, gap, make_kmap, texts_outside

from w90spin.plot import PlotError, plot_kmap, tabulate_kmap

HEXAGONAL = np.array([[1.5, np.sqrt(3) / 2, 0.0], [0.0, np.sqrt(3), 0.0], [0.0, 0.0, 0.3]])
SKEWED = np.array([[1.0, 0.0, 0.0], [7.3, 0.9, 0.0], [0.0, 0.0, 0.3]])
FACE_CENTRED = np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0]])


def mesh_of(axes):
    (mesh,) = [drawn for drawn in axes.collections if isinstance(drawn, QuadMesh)]
    return mesh


def outline_of(axes):
    (edge,) = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    return edge.get_xy()[:-1]


def area(corner_xp):
    x, y = corner_xp.T
    return 0.5 * abs(x @ np.roll(y, 1) - y @ np.roll(x, 1))


def with_values(kmap, change):
    tensor = kmap.tensors["upsilon1"]
    return replace(kmap, tensors={"upsilon1": replace(tensor, values=change(tensor.values))})


def centres(mesh):
    corner = np.asarray(mesh.get_coordinates())
    return 0.25 * (corner[1:, 1:] + corner[:-1, 1:] + corner[1:, :-1] + corner[:-1, :-1])


def test_labels_say_quantity_unit_and_state():
    axes = plot_kmap(make_kmap(), component="zy", omega_index=2)
    assert axes.get_xlabel() == "$k_x$ (1/Å)"
    assert axes.get_ylabel() == "$k_y$ (1/Å)"
    assert axes.child_axes[0].get_ylabel() == "$Υ^{(1)}_{zy}$ (Å/eV²)"
    title = axes.get_title(loc="left")
    for piece in ("ħω = 0.2068 eV (50 THz)", "μ = 1.422 eV", "kT = 25.85 meV"):
        assert piece in title
    assert axes.get_aspect() == 1.0


def test_colours_are_symmetric_and_hot_spots_pass_them():
    axes = plot_kmap(make_kmap(), component="zy", scale="linear")
    low, high = mesh_of(axes).get_clim()
    assert low == -high
    assert high < mesh_of(axes).get_array().max()
    assert mesh_of(axes).colorbar.extend == "max"


def test_without_hot_spots_the_colours_hold_everything():
    kmap = with_values(make_kmap(), np.tanh)
    axes = plot_kmap(kmap, component="zy")
    assert mesh_of(axes).get_clim()[1] == mesh_of(axes).get_array().max()
    assert mesh_of(axes).colorbar.extend == "neither"


def test_rectangular_zone_is_its_own_outline():
    corner_xp = outline_of(plot_kmap(make_kmap(), component="zy"))
    expected = {(sx * 0.6935, sy * 0.6518) for sx in (-1, 1) for sy in (-1, 1)}
    assert {tuple(np.round(corner, 6)) for corner in corner_xp} == expected


@pytest.mark.parametrize(
    ("recip", "n_corners"), [(RECIP, 4), (HEXAGONAL, 6), (SKEWED, 6), (FACE_CENTRED, 6)]
)
def test_outline_has_the_area_of_the_reciprocal_cell(recip, n_corners):
    corner_xp = outline_of(plot_kmap(make_kmap(recip, n=11)))
    assert len(corner_xp) == n_corners
    assert area(corner_xp) == pytest.approx(np.linalg.norm(np.cross(recip[0], recip[1])))


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("recip", [RECIP, HEXAGONAL, SKEWED])
def test_every_colour_stands_at_its_own_k(recip, endpoint):
    axes = plot_kmap(make_kmap(recip, n=21, endpoint=endpoint), component="zy")
    mesh = mesh_of(axes)
    kpt = centres(mesh) @ np.linalg.inv(recip[:2, :2])
    value = mesh.get_array().reshape(kpt.shape[:2])
    expected = gap(kpt) ** -4 * (1 + 0.5 * np.sin(2 * np.pi * kpt[..., 1]))
    np.testing.assert_allclose(value, expected, rtol=1e-9)


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("recip", [RECIP, HEXAGONAL, SKEWED, FACE_CENTRED])
def test_colours_cover_the_zone(recip, endpoint):
    axes = plot_kmap(make_kmap(recip, n=12, endpoint=endpoint))
    corner = np.asarray(mesh_of(axes).get_coordinates())
    step = np.array([corner[1, 0] - corner[0, 0], corner[0, 1] - corner[0, 0]])
    reached = (outline_of(axes) - corner[0, 0]) @ np.linalg.inv(step)
    assert reached.min() > -1e-6
    assert (reached <= np.array(corner.shape[:2]) - 1 + 1e-6).all()


def test_detail_of_the_zone_is_drawn_where_it_is():
    kmap = make_kmap(n=21)
    detail = replace(kmap, kpt_uvc=0.2 * kmap.kpt_uvc, kpt_uva=0.2 * kmap.kpt_uva)
    mesh = mesh_of(plot_kmap(detail))
    assert mesh.get_array().shape == (21, 21)
    np.testing.assert_allclose(centres(mesh), detail.kpt_uva[..., :2], atol=1e-12)


def test_table_is_the_data_drawn():
    kmap = make_kmap(n=20, endpoint=False)
    table = tabulate_kmap(kmap, component="zy", omega_index=1)
    column = table["upsilon1_zy [Å/eV²]"]
    np.testing.assert_array_equal(
        column, kmap.tensors["upsilon1"].values[:, :, 0, 0, 0, 1, 2, 1].ravel()
    )
    drawn = mesh_of(plot_kmap(kmap, component="zy", omega_index=1)).get_array()
    assert set(np.ravel(drawn)) == set(column)
    np.testing.assert_array_equal(table["k_y [1/Å]"], kmap.kpt_uva[..., 1].ravel())


def test_points_are_named():
    axes = plot_kmap(make_kmap(), labels={"X": (0.5, 0, 0), "S": (0.5, 0.5, 0)})
    found = {text.get_text(): text.xy for text in axes.texts}
    assert found["Γ"] == (0, 0)
    assert found["X"] == pytest.approx((0.6935, 0))
    assert found["S"] == pytest.approx((0.6935, 0.6518))
    assert texts_outside(axes.get_figure()) == []


def test_plane_off_gamma_says_so():
    axes = plot_kmap(make_kmap(offset=0.5))
    assert "$k_z$ = 0.1848 1/Å" in axes.get_title(loc="left").replace("\n", ", ")
    assert [text.get_text() for text in axes.texts] == []


@pytest.mark.parametrize(("fill", "words"), [(0.0, "zero everywhere"), (np.nan, "no finite value")])
def test_nothing_to_see_is_said(fill, words):
    axes = plot_kmap(with_values(make_kmap(n=11), lambda values: np.full_like(values, fill)))
    assert words in [text.get_text() for text in axes.texts]
    assert mesh_of(axes).get_clim() == (-1.0, 1.0)
    assert texts_outside(axes.get_figure()) == []


def test_nan_leaves_the_colours_alone():
    def spoil(values):
        values = values.copy()
        values[3, 4] = np.nan
        return values

    axes = plot_kmap(with_values(make_kmap(n=31), spoil), component="zy")
    assert np.isfinite(mesh_of(axes).get_clim()).all()


def test_complex_tensor_is_drawn_by_its_real_or_imaginary_part():
    kmap = with_values(make_kmap(n=11), lambda values: values * (1 + 2j))
    real, imaginary = (
        plot_kmap(kmap, component="zy"),
        plot_kmap(kmap, component="zy", imaginary=True),
    )
    assert real.child_axes[0].get_ylabel().startswith("Re $Υ")
    assert imaginary.child_axes[0].get_ylabel().startswith("Im $Υ")
    np.testing.assert_allclose(2 * mesh_of(real).get_array(), mesh_of(imaginary).get_array())


@pytest.mark.parametrize(
    "recip", [RECIP, HEXAGONAL, SKEWED, FACE_CENTRED, np.diag([0.4, 2.0, 1.0])]
)
def test_no_text_leaves_the_figure(recip):
    kmap = with_values(make_kmap(recip, n=21, parts=("upper", "lower")), lambda x: 1e6 * x)
    axes = plot_kmap(kmap, component="zy", part_index=1, omega_index=-1)
    assert "part lower" in axes.get_title(loc="left")
    assert texts_outside(axes.get_figure()) == []


def test_given_axes_are_used():
    axes = Figure(figsize=(7, 3.2), layout="constrained").subplots(1, 2)
    for drawn in axes:
        assert plot_kmap(make_kmap(n=21), axes=drawn) is drawn
    assert texts_outside(axes[0].get_figure()) == []


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"tensor": "upsilon9"}, "has upsilon1"),
        ({"component": "up"}, "x, y, z"),
        ({"component": "zyx"}, "axes spin, field: give 2 of the letters"),
        ({"component": "spin=q"}, "x, y, z"),
        ({"component": "flow=x"}, "no axis 'flow'; upsilon1 has the Cartesian axes spin, field"),
        ({"component": {"filed": "x"}}, "Did you mean 'field'"),
        ({"scale": "cubic"}, "auto, linear or log"),
        ({"omega_index": 3}, "only 3 omega: 0.0, 0.0414, 0.2068 eV"),
        ({"part_index": 1}, "only 1 part: total"),
        ({"labels": {"X": (0.5, 0.0)}}, "three reduced coordinates"),
    ],
)
def test_unknown_component_names_the_choices(choice, words):
    with pytest.raises(PlotError, match=words):
        plot_kmap(make_kmap(n=11), **choice)


def test_a_line_of_points_is_no_map():
    kmap = make_kmap(n=11)
    with pytest.raises(PlotError, match="1 x 11"):
        plot_kmap(replace(kmap, kpt_uvc=kmap.kpt_uvc[:1], kpt_uva=kmap.kpt_uva[:1]))
