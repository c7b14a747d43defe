"""Checks of the proper spin Hall conductivity, its units, and the scan of the tolerance."""

import json

import numpy as np
import pytest

import w90spin as ws
from w90spin.derive import check_lines
from w90spin.errors import DoubtfulResultWarning, ResponseError

# Most cases here are made to be doubtful; that they say so is tested by itself.
pytestmark = pytest.mark.filterwarnings("ignore::w90spin.errors.DoubtfulResultWarning")

MESH = ws.UniformMesh(n=12, shift=(0.5, 0.5, 0.5))
DEFINITIONS = ("conventional", "liu2023_printed", "band_transport")


def run(model, mesh=MESH, **options):
    return ws.compute(model, [ws.ProperSpinHall(**options)], mesh=mesh, symmetry="none")


def test_nothing_to_warn_of_where_the_spin_is_conserved():
    result = run(ws.toys.kane_mele(rashba=0.0), mu_f=0.0)
    report = ws.proper_report(result)
    assert report.warnings == ()
    # Components of the spins x and y, which are not conserved, are zero by themselves.
    assert report.apart_qtf.max() < 1e-9
    assert report.symmetric_qtf.max() < 1e-9
    assert report.filled_q[0] < 1e-9
    assert "warning" not in str(report)


def test_net_torque_of_a_gyrotropic_metal():
    model = ws.toys.rashba_square(alpha=0.5)
    report = ws.proper_report(run(model, mu_f=[0.3, 50.0], kT=0.05))
    assert report.torque_qtf[0, 0, 0] > 0.1
    assert report.torque_qtf[0, 0, 1] == 0.0  # all bands filled
    (torque,) = [words for words in report.warnings if "net torque" in words]
    assert "mu = 0.3 eV" in torque
    assert "no proper spin current exists" in torque


@pytest.mark.filterwarnings("default::w90spin.errors.DoubtfulResultWarning")
def test_compute_stores_the_report_and_warns(tmp_path):
    response = ws.ProperSpinHall(mu_f=0.3, kT=0.05)
    with pytest.warns(DoubtfulResultWarning, match="proper_spin_hall_2: there is a net torque"):
        result = ws.compute(
            ws.toys.rashba_square(alpha=0.5), [ws.SpinHall(mu_f=0.3), response, response], mesh=MESH
        )
    checks = ws.load_result(result.save(tmp_path / "r.h5")).provenance["checks"]
    assert set(checks) == {"proper_spin_hall", "proper_spin_hall_2"}
    report = ws.proper_report(result, "proper_spin_hall_2")
    assert checks["proper_spin_hall_2"]["net_torque"] == report.torque_qtf.tolist()
    assert checks["proper_spin_hall_2"]["warnings"] == list(report.warnings)
    lines = check_lines(result)
    assert any(line.startswith("proper_spin_hall_2: net torque") for line in lines)


def test_results_without_it_have_no_checks():
    result = ws.compute(ws.toys.kane_mele(), [ws.SpinHall(mu_f=0.0)], mesh=MESH)
    assert "checks" not in result.provenance
    assert check_lines(result) == []


def test_a_direction_of_splitting_that_decides():
    """The pairs of Bi2Se3, parted by 2 meV along x, and along y, where nothing depends on it."""
    along = {}
    for axis in (0, 1):
        exchange = tuple(1e-3 * np.eye(3)[axis])
        result = run(ws.toys.bi2se3(exchange=exchange), mu_f=0.1)
        along[axis] = ws.proper_report(result), result
        # With a tolerance above the splitting they are what the run calls regrouped.
        coarse = ws.compute(
            ws.toys.bi2se3(exchange=exchange),
            [ws.ProperSpinHall(mu_f=0.1, outside=False)],
            mesh=MESH,
            symmetry="none",
            degeneracy=0.01,
        )
        for name in ("liu2023_printed", "band_transport"):
            np.testing.assert_allclose(
                result[f"{name}_regrouped"].values,
                coarse[name].values,
                atol=1e-10 * np.abs(coarse[name].values).max(),
            )
    report = along[0][0]
    assert report.regrouped_qtf["band_transport"][0, 0, 0] > 0.5
    assert any("changes by" in words and "band_transport" in words for words in report.warnings)
    # σ_zx^y alone does not feel a field along y.
    values = along[1][1]["band_transport"].values[0, 0, 0, 2, 0, 1]
    assert values == pytest.approx(
        along[1][1]["band_transport_regrouped"].values[0, 0, 0, 2, 0, 1], rel=1e-2
    )


def test_pairs_that_nearly_touch():
    """A weak Rashba coupling at crossings of opposite spins."""
    mesh = ws.UniformMesh(n=60)
    report = ws.proper_report(run(ws.toys.kane_mele(rashba=0.0025), mesh, mu_f=0.0))
    assert report.near_qtf["band_transport"][0, 0, 0] > 0.05
    assert any("nearly touch" in words for words in report.warnings)


def test_what_the_model_leaves_out(bi_chk):
    """Wannier functions from files do not make a complete basis."""
    result = run(bi_chk, ws.UniformMesh(n=4), mu_f=0.0, kT=0.1)
    report = ws.proper_report(result)
    assert report.torque_outside_qtf.max() > 0
    assert report.curvature_outside_qtf.max() > 0
    assert min(report.outside.values()) > 1e-3
    assert "complete basis" in str(report)
    without = ws.proper_report(run(bi_chk, ws.UniformMesh(n=4), mu_f=0.0, kT=0.1, outside=False))
    assert without.torque_outside_qtf is None
    assert "outside" not in str(without)
    assert without.outside == {}


def test_a_complete_basis():
    result = run(ws.toys.kane_mele(), mu_f=0.0)
    assert max(ws.proper_report(result).outside.values()) < 1e-12


def test_norms_of_what_is_missing():
    """Positions that do not commute, in a cell that is not coupled to others."""
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    pos = np.zeros((1, 2, 2, 3), dtype=complex)
    pos[0, :, :, 0], pos[0, :, :, 1] = 0.3 * pauli[0], 0.2 * pauli[1]
    model = ws.WannierModel.from_arrays(
        4 * np.eye(3),
        [[0, 0, 0]],
        pauli[2][None],
        pos=pos,
        spin=np.moveaxis(pauli, 0, -1)[None],
        periodic=(True, True, False),
    )
    outside = ws.proper_report(run(model, mu_f=0.0)).outside
    # [A_x, S_y] = 0.3 [σ_x, σ_y/2] = 0.3i σ_z; [A_x, A_y] = 0.06 · 2i σ_z.
    assert outside["spin_slope"] == pytest.approx(0.3)
    assert outside["curvature"] == pytest.approx(0.12)


def test_one_point_of_every_star_is_enough(bi_chk):
    """The mirrors of the bismuth monolayer and time reversal."""
    model, _ = ws.symmetrised(bi_chk)
    response = ws.ProperSpinHall(mu_f=[0.0, 0.5], kT=0.05, insulator=False)
    mesh = ws.UniformMesh(n=6)
    few = ws.compute(model, [response], mesh=mesh)
    all_of_them = ws.compute(model, [response], mesh=mesh, symmetry="none")
    assert few.provenance["diagonalisations"] < all_of_them.provenance["diagonalisations"] / 2
    for name, tensor in all_of_them.responses["proper_spin_hall"].tensors.items():
        scale = np.abs(tensor.values).max()
        np.testing.assert_allclose(
            few[name].values, tensor.values, rtol=0, atol=1e-7 * scale + 1e-12
        )


def test_the_report_fits_into_json():
    report = ws.proper_report(run(ws.toys.kane_mele(), mu_f=[0.0, 50.0], kT=[0.0, 0.1]))
    about = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert about["mu"] == [0.0, 50.0]
    assert np.shape(about["near_degenerate"]["band_transport"]) == (1, 2, 2)
    assert about["net_torque"][0][0][1] == 0.0
    # Filled bands have no current that a symmetric part could be compared with.
    assert about["symmetric_conventional"][0][0][1] is None


def test_a_result_without_it():
    result = ws.compute(ws.toys.kane_mele(), [ws.SpinHall(mu_f=0.0)], mesh=MESH)
    with pytest.raises(ResponseError, match="only spin_hall"):
        ws.proper_report(result)


def test_the_conventional_current_is_that_of_the_sister():
    model = ws.toys.kane_mele(rashba=0.1)
    result = ws.compute(
        model, [ws.SpinHall(mu_f=0.05, kT=0.1), ws.ProperSpinHall(mu_f=0.05, kT=0.1)], mesh=MESH
    )
    sister = result["sigma_even"].values[:, :, :, 0].real
    np.testing.assert_allclose(result["conventional"].values, sister, rtol=0, atol=1e-12)
    assert result["conventional"].unit == result["sigma_even"].unit == "|e|"


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("(ħ/e) S/cm", 2.434135e4), ("(ħ/2e) S/m", 4.868270e6), (None, 2.434135e4)],
)
def test_units_of_three_dimensions(unit, factor):
    result = run(ws.toys.bi2se3(), ws.UniformMesh(n=4), mu_f=0.1)
    tensor = result["conventional"]
    converted = ws.in_unit(tensor, unit)
    np.testing.assert_allclose(converted.values, factor * tensor.values, rtol=1e-6)
    np.testing.assert_allclose(converted.errors, factor * tensor.errors, rtol=1e-6)
    assert converted.unit == (unit or "(ħ/e) S/cm")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("e/2π", -1.0), ("e/4π", -2.0), ("e/8π", -4.0), ("(ħ/e) S", -3.874046e-5)],
)
def test_units_of_two_dimensions(unit, expected):
    """The quantum of the spin Hall insulator: e/2π is e²/h times ħ/e."""
    result = run(ws.toys.kane_mele(rashba=0.0), ws.UniformMesh(n=60), mu_f=0.0)
    converted = ws.in_unit(result["conventional"], unit)
    assert converted.values[0, 0, 0, 0, 1, 2] == pytest.approx(expected, rel=1e-4)


def test_units_that_are_refused():
    result = run(ws.toys.kane_mele(), ws.UniformMesh(n=4), mu_f=0.0)
    with pytest.raises(ResponseError, match="e/8π"):
        ws.in_unit(result["conventional"], "(ħ/e) S/cm")
    with pytest.raises(ResponseError, match="cannot be converted"):
        ws.in_unit(result["torque"], "(ħ/e) S/cm")


def test_scan_of_the_degeneracy_tolerance():
    model = ws.toys.bi2se3(exchange=(1e-3, 0.0, 0.0))
    scan = ws.degeneracy_scan(
        model, ws.ProperSpinHall(mu_f=0.1, outside=False), (1e-6, 1e-2), mesh=MESH, symmetry="none"
    )
    assert scan.spread("conventional")[0, 0, 0] < 1e-3
    assert scan.spread("band_transport")[0, 0, 0] > 0.1
    lines = scan.table().splitlines()
    assert len(lines) == 5
    assert lines[-1].split()[0] == "spread"
    fine, coarse = (float(line.split()[2]) for line in lines[2:4])
    assert float(lines[-1].split()[2]) == pytest.approx(abs(fine - coarse), rel=1e-2)


@pytest.mark.parametrize(
    ("tolerances", "options"),
    [((1e-4,), {}), ((1e-4, 1e-3), {"degeneracy": 1e-4}), ((1e-4, 1e-3), {"checkpoint": "x"})],
)
def test_scans_that_are_refused(tolerances, options):
    with pytest.raises(ResponseError):
        ws.degeneracy_scan(
            ws.toys.kane_mele(), ws.ProperSpinHall(mu_f=0.0), tolerances, mesh=MESH, **options
        )


def test_checks_do_not_keep_the_integration_going():
    """Shares of near-degenerate bands have steps in k; the definitions are smooth there."""
    rtol = 1e-3
    result = run(ws.toys.kane_mele(rashba=0.05), ws.PeriodicMesh(rtol=rtol), mu_f=0.0, near=0.1)
    assert result.converged
    assert result.provenance["relative_error"] <= rtol

    def relative(name):
        return np.linalg.norm(result[name].errors) / np.linalg.norm(result[name].values)

    assert max(relative(name) for name in DEFINITIONS) <= rtol
    assert relative("band_transport_near") > 10 * rtol
