"""Operators of the spin currents of Qiao and Ryoo: from WannierBerri, and back."""

import lzma
import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.io
import wannierberri
from wannierberri.calculators import static
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.formula.covariant import SpinVelocity
from wannierberri.system import System_R

from w90spin.errors import FileMissingError, InconsistentFilesError, ModelError
from w90spin.inspection import model_report
from w90spin.model.berri import from_system, from_wannierdata, to_system
from w90spin.model.spin_current import SpinCurrentOperators
from w90spin.model.wannier import minus_R
from w90spin.read import read_chk, read_eig, read_mmn, read_spn

CURRENTS = ("qiao2018", "ryoo2019")
FROZEN = 3.02245  # eV, top of the frozen window
MESH = np.array([7, 7, 1])
NEAR = [(0, 0, 0), (1, 0, 0), (0, -1, 0), (-2, 1, 0), (2, 2, 0)]  # one nearest image only


@pytest.fixture(scope="module")
def models(bi_files):
    return {current: from_wannierdata(bi_files, current=current) for current in CURRENTS}


@pytest.fixture(scope="module")
def products(bi_files):
    """sigma exp(-ibr) and sigma H exp(-ibr) in the Wannier gauge, with b and its weight."""
    chk, mmn = read_chk(f"{bi_files}.chk"), read_mmn(f"{bi_files}.mmn")
    eig, spn = read_eig(f"{bi_files}.eig"), read_spn(f"{bi_files}.spn")
    gauge = np.zeros((chk.n_kpts, chk.n_bands, chk.n_wann), complex)
    for k, inside in enumerate(chk.window_kn):
        gauge[k, inside] = chk.u_opt_kni[k, : inside.sum()] @ chk.u_kij[k]
    recip_ca = 2 * np.pi * np.linalg.inv(chk.cell_ca).T
    terms = []
    for k, kpt_c in enumerate(chk.kpt_kc):
        for b, other in enumerate(mmn.neighbour_kb[k]):
            b_a = (chk.kpt_kc[other] + mmn.G_kbc[k, b] - kpt_c) @ recip_ca
            overlap = mmn.overlap_kbmn[k, b] @ gauge[other]
            left = gauge[k].conj().T
            s_sij = [left @ s_nm @ overlap for s_nm in spn.spin_ksnm[k]]
            h_sij = [
                left @ s_nm @ (eig.energy_kn[k][:, None] * overlap) for s_nm in spn.spin_ksnm[k]
            ]
            # A rectangular mesh: one pair of neighbours per direction.
            terms.append((kpt_c, b_a, 0.5 / (b_a @ b_a), np.array(s_sij), np.array(h_sij)))
    return chk.n_kpts, terms


def differences(products, R_c, phase):
    """i/N sum_kb w b exp(-ikR) phase(b) M(k, b) for both products, (s, a, i, j)."""
    n_k, terms = products
    total = [0.0, 0.0]
    for kpt_c, b_a, weight, *matrices in terms:
        factor = 1j / n_k * weight * np.exp(-2j * np.pi * kpt_c @ R_c) * phase(b_a)
        for which, matrix_sij in enumerate(matrices):
            total[which] = total[which] + np.einsum("a,sij->saij", b_a, factor * matrix_sij)
    return total


def outer(vector_aij, op_sij):
    return np.einsum("aij,sij->saij", vector_aij, op_sij)


def test_qiao_by_finite_differences_about_the_right_hand_centre(models, products):
    """All images of an R of the Wigner-Seitz list together have what the mesh knows of it."""
    model = models["qiao2018"]
    operators = model.spin_current["qiao2018"]
    t_ia, n = model.centres_ia, model.n_wann
    right_aij = np.broadcast_to(t_ia.T[:, None, :], (3, n, n))
    for R_c in [*NEAR, (3, 3, 0), (-3, 2, 0)]:
        images = np.all((model.R_Rc - R_c) % MESH == 0, axis=1)
        assert images.any()
        spin, spin_ham, *found = (
            op[images].sum(axis=0) for op in (model.spin_Rsij, *operators.operators)
        )
        pos, ham_pos = differences(products, R_c, lambda b_a: np.exp(1j * (t_ia @ b_a)))
        np.testing.assert_allclose(found[0], pos + outer(right_aij, spin), rtol=0, atol=1e-8)
        np.testing.assert_allclose(found[1], ham_pos + outer(right_aij, spin_ham), atol=1e-7)


def test_ryoo_by_finite_differences_about_the_middle(models, products):
    model = models["ryoo2019"]
    operators = model.spin_current["ryoo2019"]
    t_ia = model.centres_ia
    for R_c in NEAR:
        row = int(np.flatnonzero(np.all(model.R_Rc == R_c, axis=1))[0])
        # Middle of the pair, as seen from the cell R.
        middle_ija = 0.5 * (t_ia[:, None] + t_ia - np.array(R_c) @ model.cell_ca)
        pos, ham_pos = differences(products, R_c, lambda b_a, m=middle_ija: np.exp(1j * (m @ b_a)))
        middle_aij = middle_ija.transpose(2, 0, 1)
        expected = pos + outer(middle_aij, model.spin_Rsij[row])
        np.testing.assert_allclose(operators.spin_pos_Rsaij[row], expected, rtol=0, atol=1e-8)
        expected = ham_pos + outer(middle_aij, operators.spin_ham_Rsij[row])
        np.testing.assert_allclose(operators.spin_ham_pos_Rsaij[row], expected, rtol=0, atol=1e-7)


def test_spin_and_position_commute(models):
    """X(R) + R S(R) = X(-R)^†, up to what 48 bands and the differences on the mesh leave."""
    model = models["ryoo2019"]
    pos_Rsaij = model.spin_current["ryoo2019"].spin_pos_Rsaij
    length_Ra = model.R_Rc @ model.cell_ca
    shift_Rsaij = length_Ra[:, None, :, None, None] * model.spin_Rsij[:, :, None]
    adjoint_Rsaij = pos_Rsaij[minus_R(model.R_Rc)].conj().swapaxes(-1, -2)
    assert np.abs(pos_Rsaij + shift_Rsaij - adjoint_Rsaij).max() < 0.07  # Å


def test_spin_times_energy_is_the_product_inside_the_frozen_window(models, bi_files):
    """sigma H = sum over bands; with H|u> = E|u> in the Wannier space it is S(k) H(k) there."""
    model = models["ryoo2019"]
    chk = read_chk(f"{bi_files}.chk")
    phase_kR = np.exp(2j * np.pi * chk.kpt_kc[::6] @ model.R_Rc.T)
    at_k = [np.tensordot(phase_kR, op, axes=1) for op in (model.ham_Rij, model.spin_Rsij)]
    product = np.tensordot(phase_kR, model.spin_current["ryoo2019"].spin_ham_Rsij, axes=1)
    energy_kn, states_kin = np.linalg.eigh(at_k[0])
    for k, energy_n in enumerate(energy_kn):
        frozen = states_kin[k][:, energy_n < FROZEN]
        apart_sin = product[k] @ frozen - at_k[1][k] @ at_k[0][k] @ frozen
        assert frozen.shape[1] >= 20
        assert np.abs(apart_sin).max() < 1e-5


def test_spin_velocity_in_the_phases_of_a_model(models):
    """R alone in phases and derivatives, beside WannierBerri's R + t_j - t_i."""
    model = models["ryoo2019"]
    kpt_kc = np.random.default_rng(3).uniform(size=(4, 3)) * [1, 1, 0]
    system = to_system(model)
    grid = wannierberri.Grid(system, NKdiv=1, NKFFT=1, use_symmetry=False)
    data = Data_K_R(system, grid=grid, k_list=kpt_kc)
    theirs_knmas = SpinVelocity(data, "ryoo").matrix

    operators = model.spin_current["ryoo2019"]
    phase_kR = np.exp(2j * np.pi * kpt_kc @ model.R_Rc.T)
    slope_Raij = 1j * (model.R_Rc @ model.cell_ca)[:, :, None, None] * model.ham_Rij[:, None]
    ham, slope, spin, spin_ham, pos, ham_pos = (
        np.tensordot(phase_kR, op, axes=1)
        for op in (model.ham_Rij, slope_Raij, model.spin_Rsij, *operators.operators)
    )
    product = spin[:, :, None] @ slope[:, None] - 1j * (pos @ ham[:, None, None] - ham_pos)
    outside = spin_ham - spin @ ham[:, None]
    product -= 1j * outside[:, :, None] * model.centres_ia.T[:, None, :]
    velocity = 0.5 * (product + product.conj().swapaxes(-1, -2))
    u_kin = data.UU_K[:, None, None]
    ours = u_kin.conj().swapaxes(-1, -2) @ velocity @ u_kin
    expected = theirs_knmas.transpose(0, 4, 3, 1, 2)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def on_mesh(system):
    grid = wannierberri.Grid(system, NKdiv=1, NKFFT=(6, 6, 1), use_symmetry=False)
    return Data_K_R(system, grid=grid, dK=np.zeros(3))


def interpolated(bi_files, current):
    """WannierBerri alone, with its own readers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files open
        data = wannierberri.WannierData.from_w90_files(
            str(bi_files), files=["chk", "eig", "mmn", "spn"], npar=1
        )
    options = {"SHCqiao": True}
    if current == "ryoo2019":
        data.set_sIu_from_mmn_spn()
        data.set_sHu_from_mmn_eig_spn()
        options = {"SHCryoo": True, "transl_inv_JM": True}
    return System_R.from_wannierdata(
        data, berry=True, spin=True, symmetrize=False, periodic=(True, True, False), **options
    )


@pytest.mark.parametrize("current", CURRENTS)
def test_there_and_back(models, bi_files, current):
    """Matrices to 1e-12, and the spin Hall conductivity of WannierBerri from the files."""
    model = models[current]
    system = to_system(model)
    back = from_system(system)
    assert list(back.spin_current) == [current]
    for one, other in zip(
        back.spin_current[current].operators, model.spin_current[current].operators, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    formula = {"kwargs_formula": {"spin_current_type": current[:4]}, "save_mode": ""}
    found = [
        static.SHC(Efermi=np.array([1.0, 1.42245]), **formula)(on_mesh(one)).data
        for one in (system, to_system(back), interpolated(bi_files, current))
    ]
    largest = np.abs(found[0]).max()
    assert largest > 0.1
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-10 * largest)
    # It takes the k points as the .chk has them, rounded to the digits of the .win.
    np.testing.assert_allclose(found[2], found[0], rtol=0, atol=1e-6 * largest)


def random_operators(model, seed):
    rng = np.random.default_rng(seed)

    def op(*axes):
        shape = (len(model.R_Rc), *axes, model.n_wann, model.n_wann)
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    return SpinCurrentOperators(op(3), op(3, 3), op(3, 3), "test")


def test_both_currents_of_a_crooked_model(crooked):
    first, second = random_operators(crooked, 1), random_operators(crooked, 2)
    second = replace(second, spin_ham_Rsij=first.spin_ham_Rsij)
    both = replace(crooked, spin_current={"qiao2018": first, "ryoo2019": second})
    back = from_system(to_system(both))
    for current, operators in both.spin_current.items():
        found = back.spin_current[current].operators
        for one, other in zip(found, operators.operators, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    apart = replace(both, spin_current={"qiao2018": first, "ryoo2019": random_operators(both, 3)})
    with pytest.raises(ModelError, match="different SH"):
        to_system(apart)


def write_products(path, matrix_kbsnm):
    """An unformatted .sIu or .sHu."""
    n_k, n_b, _, n_bands, _ = matrix_kbsnm.shape
    with scipy.io.FortranFile(path, "w") as file:
        file.write_record(np.frombuffer(b"products".ljust(60), dtype="u1"))
        file.write_record(np.array([n_bands, n_k, n_b], dtype="i4"))
        for matrix_nm in matrix_kbsnm.reshape(-1, n_bands, n_bands):
            file.write_record(matrix_nm)


@pytest.fixture
def with_products(bi_files, tmp_path):
    """The monolayer with an .sIu of twice the sum over bands, compressed files, no .nnkp."""
    for suffix in (".chk", ".mmn", ".spn", ".eig"):
        (tmp_path / f"bi{suffix}").symlink_to(f"{bi_files}{suffix}")
    spn, mmn = read_spn(f"{bi_files}.spn"), read_mmn(f"{bi_files}.mmn")
    product = 2.0 * spn.spin_ksnm[:, None] @ mmn.overlap_kbmn[:, :, None]
    write_products(tmp_path / "bi.sIu", product)
    with open(tmp_path / "bi.sIu", "rb") as plain:
        packed = lzma.compress(plain.read(), preset=0)
    (tmp_path / "bi.sIu").unlink()
    (tmp_path / "bi.sIu.xz").write_bytes(packed)
    return tmp_path / "bi", product


def test_products_from_a_file_are_used(models, with_products):
    """Twice the product gives twice what is left without the middle of each pair."""
    model = models["ryoo2019"]
    found = from_wannierdata(with_products[0], current="ryoo2019")
    assert found.spin_current["ryoo2019"].source.startswith("bi.sIu.xz and sums over")
    assert "bi.sIu.xz" in found.inputs
    t_ia = model.centres_ia
    length_Ra = model.R_Rc @ model.cell_ca
    middle_Rija = 0.5 * (t_ia[:, None] + t_ia - length_Ra[:, None, None])
    old, new = (m.spin_current["ryoo2019"] for m in (model, found))
    middle_Rsaij = np.einsum("Rija,Rsij->Rsaij", middle_Rija, model.spin_Rsij)
    expected = 2.0 * (old.spin_pos_Rsaij - middle_Rsaij) + middle_Rsaij
    np.testing.assert_allclose(new.spin_pos_Rsaij, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(new.spin_ham_pos_Rsaij, old.spin_ham_pos_Rsaij, rtol=0, atol=1e-9)
    assert "sIu" not in from_wannierdata(with_products[0], current="qiao2018").notes[-1]


def test_products_of_another_run_are_refused(with_products):
    seed, product = with_products
    write_products(f"{seed}.sHu", product[:, :4])
    with pytest.raises(InconsistentFilesError, match=r"bi\.sHu has 49 k points, 4 neighbours"):
        from_wannierdata(seed)


def test_the_report_names_them(models):
    report = model_report(models["qiao2018"])
    assert "operators of the spin current qiao2018: sums over the bands" in str(report)
    assert list(report.facts["spin_currents"]) == ["qiao2018"]


def test_what_is_needed_is_said(bi_files, tmp_path):
    with pytest.raises(ModelError, match="qiao2018, ryoo2019"):
        from_wannierdata(bi_files, current="simple")
    for suffix in (".chk", ".mmn", ".eig"):
        (tmp_path / f"bi{suffix}").symlink_to(f"{bi_files}{suffix}")
    with pytest.raises(FileMissingError, match="write_spn"):
        from_wannierdata(tmp_path / "bi")
