import csv
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from plot_samples import make_induced, make_kmap, make_path, make_result

from w90spin.errors import ResultFileError
from w90spin.plot import Choice, PlotError, plot_all, plot_kmap, save_figure
from w90spin.results import Result


def names(paths):
    return {path.name for path in paths}


def test_everything_a_result_has_is_drawn_with_its_numbers(tmp_path):
    result = make_result(make_kmap(n=21), make_path(per_segment=8))
    written = plot_all(result, tmp_path / "figures", induced=make_induced())
    assert all(path.is_file() for path in written)
    pictures = {
        "induced_spin_order1_z",
        "spin_polarizability_upsilon1_zy_omega",
        "kmap_spin_polarizability_upsilon1_zy",
        "bands_spin_z",
        "bands_spin_polarizability_upsilon1_zy",
    }
    assert names(written) == {f"{name}.{kind}" for name in pictures for kind in ("png", "csv")}
    assert names((tmp_path / "figures").iterdir()) == names(written)
    assert plt.get_fignums() == []


def test_field_of_the_induced_spin_chooses_the_component(tmp_path):
    result = make_result(make_kmap(n=21))
    assert "kmap_spin_polarizability_upsilon1_zy.png" in names(plot_all(result, tmp_path))
    written = plot_all(result, tmp_path, induced=make_induced(direction="x"))
    assert "kmap_spin_polarizability_upsilon1_zx.png" in names(written)
    choice = Choice(component="yy")
    written = plot_all(result, tmp_path, kmap=choice, curves=choice)
    assert {
        "kmap_spin_polarizability_upsilon1_yy.png",
        "spin_polarizability_upsilon1_yy_omega.png",
    } <= names(written)


def test_every_part_has_its_map(tmp_path):
    result = make_result(make_kmap(n=11, parts=("top/1", "bottom")))
    written = plot_all(result, tmp_path)
    assert {
        "kmap_spin_polarizability_upsilon1_zy_top-1.png",
        "kmap_spin_polarizability_upsilon1_zy_bottom.png",
    } <= names(written)


def test_result_with_nothing_to_draw_gives_nothing(tmp_path):
    empty = Result(responses={}, provenance={})
    assert plot_all(empty, tmp_path) == []


def test_bands_outside_the_window_and_without_spin_are_drawn_all_the_same(tmp_path):
    result = make_result(path=make_path(per_segment=4, has_spin=False))
    written = plot_all(result, tmp_path, window=(50.0, 60.0))
    assert {"bands.png", "bands.csv"} <= names(written)


def test_formats(tmp_path):
    written = plot_all(make_result(make_kmap(n=11)), tmp_path, formats=("pdf", "svg"))
    assert [path.suffix for path in written] == 2 * [".pdf", ".svg", ".csv"]
    with pytest.raises(PlotError, match="png, pdf, svg"):
        plot_all(make_result(make_kmap(n=11)), tmp_path, formats=("bmp",))


def test_unknown_component_is_an_error(tmp_path):
    with pytest.raises(PlotError, match="x, y, z"):
        plot_all(make_result(make_kmap(n=11)), tmp_path, spin="q")


def test_folder_in_the_way_of_a_file_is_an_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(PlotError, match="taken"):
        plot_all(make_result(), tmp_path / "taken")


def test_numbers_are_read_back_to_the_last_bit(tmp_path):
    table = {"ω [THz]": np.array([0.1, 1 / 3]), "band": np.array([1, 2])}
    written = save_figure(Figure(), tmp_path / "map_1.5THz", table)
    assert names(written) == {"map_1.5THz.png", "map_1.5THz.csv"}
    with written[-1].open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["ω [THz]", "band"]
    assert [float(row[0]) for row in rows] == [0.1, 1 / 3]
    assert [row[1] for row in rows] == ["1", "2"]


def test_ending_of_the_name_is_the_format(tmp_path):
    assert names(save_figure(Figure(), tmp_path / "a.svg", {"x": [1.0]})) == {"a.svg", "a.csv"}


def test_png_is_sharp_enough_for_print(tmp_path):
    path, _ = save_figure(Figure(figsize=(3.4, 2.0)), tmp_path / "a", {"x": [1.0]})
    assert plt.imread(path).shape[1] >= 3.4 * 150


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_same_picture_is_the_same_file(tmp_path, kind):
    contents = []
    for name in ("a", "b"):
        axes = plot_kmap(make_kmap(n=11))
        path, _ = save_figure(axes.get_figure(), tmp_path / name, {"x": [1.0]}, (kind,))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_columns_of_unequal_length_are_refused(tmp_path):
    with pytest.raises(PlotError, match="x: 1, y: 2"):
        save_figure(Figure(), tmp_path / "a", {"x": [1], "y": [1, 2]})
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ResultFileError, match="cannot be written"):
        save_figure(Figure(), tmp_path / "no" / "a", {"x": [1]})


def test_style_of_the_user_stays(tmp_path):
    before = dict(mpl.rcParams)
    plot_kmap(make_kmap(n=11))
    assert dict(mpl.rcParams) == before


def test_package_does_without_matplotlib_until_it_draws():
    program = """
import sys
import w90spin
assert "matplotlib" not in sys.modules
sys.modules["matplotlib"] = None
try:
    import w90spin.plot
except w90spin.errors.W90SpinError as problem:
    print(problem)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'w90spin[plot]'" in done.stdout, done.stderr
