"""Components by the names of their axes, and what tensors of one response have to show."""

import numpy as np
import pytest

from w90spin.errors import ResponseError
from w90spin.response.claims import Axis
from w90spin.results import Tensor
from w90spin.results.component import choose_component, component_axes, fits, pieces

XYZ = ("x", "y", "z")
STATE = (Axis("part", ("A", "B")), Axis("mu", (0.0, 0.1, 0.2), "eV"))


def tensor(values, *names, name="sigma", state=STATE):
    axes = (*state, *(Axis(axis, XYZ) for axis in names))
    values = np.asarray(values)
    return Tensor(name, "σ", values, np.zeros(values.shape), axes, "|e|", "")


def rank_three(**large):
    """Zero but for components "xyz" at one part and one level."""
    values = np.zeros((2, 3, 3, 3, 3))
    for letters, size in large.items():
        values[(1, 2, *(XYZ.index(x) for x in letters))] = size
    return tensor(values, "flow", "field", "spin")


def test_cartesian_axes_are_those_with_cartesian_coordinates():
    assert component_axes(rank_three()) == ("flow", "field", "spin")
    assert component_axes(tensor(np.zeros((2, 3)))) == ()


def test_the_largest_component_wherever_it_is():
    sigma = rank_three(xyz=-2.0, zxx=1.5)
    assert choose_component(sigma) == {"flow": "x", "field": "y", "spin": "z"}
    assert choose_component(sigma, {"flow": "z"}) == {"flow": "z", "field": "x", "spin": "x"}
    assert choose_component(sigma, "spin=x, field=x") == choose_component(sigma, "zxx")


def test_what_was_asked_for_is_taken_even_if_it_vanishes_or_is_no_number():
    sigma = rank_three(xyz=np.nan, yxz=1.0)
    assert "".join(choose_component(sigma, "zzy").values()) == "zzy"
    assert "".join(choose_component(sigma).values()) == "yxz"
    assert choose_component(tensor(np.ones((2, 3)))) == {}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("xy", "flow, field, spin: give 3 of the letters"),
        ("xyw", "give 3 of the letters"),
        ("flwo=x", "no axis 'flwo'.*Did you mean 'flow'"),
        ({"current": "x"}, "no axis 'current'"),
        ("flow=q", "flow = 'q' is not among the components of sigma: x, y, z"),
    ],
)
def test_wrong_components_are_told_with_the_right_ones(wanted, words):
    with pytest.raises(ResponseError, match=words):
        choose_component(rank_three(), wanted)
    assert not fits(rank_three(), wanted)


def test_a_scalar_has_no_component():
    with pytest.raises(ResponseError, match="scalar: it has no component"):
        choose_component(tensor(np.zeros((2, 3))), "x")


def shown(*tensors):
    return [(piece.tensor.name, piece.part) for piece in pieces(tensors)]


def test_each_number_is_shown_once():
    """Without broadening the even part of a spin conductivity is real and the odd one imaginary."""
    even, odd = rank_three(xyz=1.0).values, rank_three(xxz=0.5).values
    names = ("flow", "field", "spin")
    whole = tensor(even + 1j * odd, *names)
    halves = [
        tensor(even + 0j, *names, name="sigma_even"),
        tensor(1j * odd, *names, name="sigma_odd"),
    ]
    assert shown(whole, *halves) == [("sigma", "Re"), ("sigma", "Im")]
    assert shown(tensor(0j * even, *names)) == [("sigma", "Re")]


def test_complex_tensors_that_repeat_real_ones_are_left_out():
    real = tensor(np.ones((2, 3, 3, 3)), "spin", "field", name="upsilon1")
    chi = tensor(1j * np.ones((2, 3, 3, 3)), "spin", "field", name="chi")
    static = tensor(np.ones((2, 3, 3)), "field", name="upsilon0", state=STATE[:1] + STATE[1:])
    assert shown(real, static, chi) == [("upsilon1", ""), ("upsilon0", "")]
    assert shown(static, chi) == [("upsilon0", ""), ("chi", "Im")]
