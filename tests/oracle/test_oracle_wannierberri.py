"""WannierBerri on the same operators: bands, spin, Hall and optical conductivities, and DASP.

Its calculators share nothing with this package but the arrays handed over; the formulas here are
written from :class:`~w90spin.kspace.states.BlochStates` alone.  Where both evaluate one formula
the residual is rounding.
"""

import warnings

import numpy as np
import pytest
import wannierberri
from scipy.constants import angstrom, elementary_charge, hbar
from wannierberri.calculators import dynamic, static, tabulate
from wannierberri.data_K.data_K_R import Data_K_R
from wannierberri.system import System_R

from w90spin import SpinPolarizability, UniformMesh, compute, load_model
from w90spin.kspace.blocks import block_sums
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.occupations import fermi
from w90spin.kspace.states import solve
from w90spin.model.berri import from_system, to_system

MID_GAP = 1.42245  # eV
CONDUCTANCE = elementary_charge**2 / hbar / angstrom  # S/m for 1/Å
LEVELS = np.array([-0.4, 0.3])
OMEGA = np.array([0.0, 0.2, 0.9])
ETA = 0.07
ALL = slice(None)


def close(found, expected, rtol):
    """Largest deviation relative to the largest element."""
    scale = np.abs(expected).max()
    assert scale > 0.0
    deviation = np.abs(np.asarray(found) - expected).max()
    assert deviation <= rtol * scale, f"{deviation / scale:.2e} > {rtol:g}"


def at_points(system, kpt_kc):
    grid = wannierberri.Grid(system, NKdiv=1, NKFFT=1, use_symmetry=False)
    return Data_K_R(system, grid=grid, k_list=np.asarray(kpt_kc))


def on_mesh(system, mesh, shift=(0.0, 0.0, 0.0)):
    grid = wannierberri.Grid(system, NKdiv=1, NKFFT=mesh, use_symmetry=False)
    return Data_K_R(system, grid=grid, dK=np.array(shift))


def states_of(model, kpt_kc):
    return solve(FourierSum(model), KPoints(np.asarray(kpt_kc)))


def random_points(model, count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, size=(count, 3)) * model.periodic


def volume(model):
    return abs(np.linalg.det(model.cell_ca))


# --- conductivities from Bloch states ---


def spin_current(states):
    """J^{a;c} = {V_a, sigma_c}/4, shape (k, a, c, n, m)."""
    v_kanm, s_kcnm = states.velocity_kanm, states.spin_ksnm
    product = np.einsum("kanp,kcpm->kacnm", v_kanm, s_kcnm)
    return 0.25 * (product + product.conj().swapaxes(-1, -2))


def energy_difference(states):
    """E_n - E_m, infinite on the diagonal, where no interband sum goes."""
    difference = states.energy_kn[:, :, None] - states.energy_kn[:, None, :]
    return difference + np.where(np.eye(states.n_bands, dtype=bool), np.inf, 0.0)


def spin_hall(states, occupation_kfn, z_w):
    """Sum over k of f_n Om_nm eps²/(eps² - z²), Om_nm = -2 Im[J_nm V_mn]/eps²: (f, w, a, b, c)."""
    eps_knm = energy_difference(states)
    pair = np.einsum("kacnm,kbmn->kabcnm", spin_current(states), states.velocity_kanm)
    kernel_kwnm = 1.0 / (eps_knm[:, None] ** 2 - z_w[:, None, None] ** 2)
    # Pairs of equal occupation cancel; degenerate ones must not get the chance to overflow.
    change_kfnm = 0.5 * (occupation_kfn[..., :, None] - occupation_kfn[..., None, :])
    return np.einsum("kfnm,kwnm,kabcnm->fwabc", change_kfnm, kernel_kwnm, -2.0 * pair.imag)


def optical(states, occupation_kfn, z_w):
    """Sum over k of i (f_n - f_m) (E_n - E_m)/(E_n - E_m - z) A^a_mn A^b_nm: (f, w, a, b)."""
    connection = states.connection_between(ALL, ALL)
    eps_knm = states.energy_kn[:, :, None] - states.energy_kn[:, None, :]
    kernel_kwnm = eps_knm[:, None] / (eps_knm[:, None] - z_w[:, None, None])
    change_kfnm = occupation_kfn[..., :, None] - occupation_kfn[..., None, :]
    return 1j * np.einsum(
        "kfnm,kwnm,kamn,kbnm->fwab", change_kfnm, kernel_kwnm, connection, connection
    )


def berry_curvature(model, states, occupation_kfn):
    """Sum over k and occupied bands of the curvature, what the Wannier space lacks included.

    The interband sum -2 Im[A^a_nm A^b_mn] stops at the Wannier functions.  The rest is the curl
    of the position matrix less its own commutator, zero for a complete set of states.
    """
    phase_kR = np.exp(2j * np.pi * states.kpt_kc @ model.R_Rc.T)
    slope_Rabij = (
        1j * (model.R_Rc @ model.cell_ca)[:, :, None, None, None] * model.pos_Raij[:, None]
    )
    slope_kabij = np.tensordot(phase_kR, slope_Rabij, axes=1)
    n_k, n = states.energy_kn.shape
    slope = states.rotate(slope_kabij.reshape(n_k, 9, n, n)).reshape(n_k, 3, 3, n, n)
    pos = states.rotate(states.wannier.pos_kaij)
    connection = states.connection_between(ALL, ALL)
    commutator = np.einsum("kanm,kbmn->kabn", pos, pos)
    interband = np.einsum("kanm,kbmn,kfn,kfm->fab", connection, connection, occupation_kfn,
                          1.0 - occupation_kfn)  # fmt: skip
    half = np.einsum("kabnn,kfn->fab", slope, occupation_kfn)
    half = half - 1j * np.einsum("kabn,kfn->fab", commutator, occupation_kfn) + 1j * interband
    full = (half - half.swapaxes(1, 2)).real
    return np.stack([full[:, 1, 2], full[:, 2, 0], full[:, 0, 1]], axis=-1)


def occupations(states, mu_f, kT=0.0):
    return fermi(states.energy_kn, np.asarray(mu_f), np.array([kT]))[:, 0]


# --- (a), (b): bands and spin ---


@pytest.mark.parametrize("name", ["bi", "crooked"])
def test_bands_and_spin(name, request):
    """Bands to 1e-9 eV; spin of every band, averaged over degenerate ones, to 1e-9."""
    model = request.getfixturevalue(name)
    system = to_system(model)
    # The last points have degenerate bands in the monolayer: time reversal at Γ, glide on X-S.
    special = [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0.2, 0]]
    kpt_kc = np.concatenate([random_points(model, 8), np.array(special)])
    states, data = states_of(model, kpt_kc), at_points(system, kpt_kc)
    assert np.abs(states.energy_kn - data.E_K).max() < 1e-9
    spin_ksn = np.einsum("ksnn->ksn", states.spin_ksnm).real
    ones = np.ones_like(spin_ksn)
    mean_ksn = block_sums(spin_ksn, states.block_kn) / block_sums(ones, states.block_kn)
    found = tabulate.Spin()(data).data
    assert np.abs(mean_ksn.swapaxes(1, 2) - found).max() < 1e-9


# --- (c): integrated responses by its own calculators ---


def calculators(mu_f, kT):
    common = {"Efermi": np.asarray(mu_f), "save_mode": ""}
    shc = {"kwargs_formula": {"spin_current_type": "simple"}}
    resolved = {**common, "omega": OMEGA, "kBT": kT, "smr_fixed_width": ETA}
    return {
        "spin": static.Spin(**common),
        "ahc": static.AHC(**common),
        "shc": static.SHC(**common, **shc),
        "shc_w": dynamic.SHC(SHC_type="simple", **resolved),
        "optical_w": dynamic.OpticalConductivity(**resolved),
    }


def expected_conductivities(model, kpt_kc, mu_f, kT):
    states = states_of(model, kpt_kc)
    cold, warm = occupations(states, mu_f), occupations(states, mu_f, kT)
    z_w = OMEGA + 1j * ETA
    scale = CONDUCTANCE / (volume(model) * len(kpt_kc))
    spin = np.einsum("ksnn,kfn->fs", states.spin_ksnm, cold).real / len(kpt_kc)
    return {
        "spin": spin,
        "ahc": -scale * berry_curvature(model, states, cold),
        "shc": scale * spin_hall(states, cold, np.zeros(1))[:, 0].real,
        "shc_w": scale * spin_hall(states, warm, z_w),
        "optical_w": scale * optical(states, warm, z_w),
    }


def test_conductivities_of_a_metal(crooked, tmp_path):
    """A whole run of WannierBerri on a mesh, two Fermi levels inside the bands."""
    system = to_system(crooked)
    mesh = np.array([4, 3, 2])
    result = wannierberri.run(
        system,
        grid=wannierberri.Grid(system, NKdiv=(2, 1, 1), NKFFT=(2, 3, 2), use_symmetry=False),
        calculators=calculators(LEVELS, 0.05),
        parallel=False,
        use_irred_kpt=False,
        symmetrize=False,
        fout_name=str(tmp_path / "result"),
        file_Klist_path=str(tmp_path / "list"),
    )
    axes = [np.arange(n) / n for n in mesh]
    kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    for name, expected in expected_conductivities(crooked, kpt_kc, LEVELS, 0.05).items():
        close(result.results[name].data, expected, 1e-9)


def test_conductivities_of_the_monolayer(bi):
    """The same with the Fermi level in the gap, off the points where bands touch."""
    data = on_mesh(to_system(bi), (4, 3, 1), shift=(0.031, 0.047, 0.0))
    expected = expected_conductivities(bi, data.kpoints_all, [MID_GAP], 0.0)
    scale = CONDUCTANCE / (volume(bi) * data.nk)
    for name, calculator in calculators([MID_GAP], 0.0).items():
        found = calculator(data).data
        if name == "spin":
            # Opposite at k and -k; what is left is small beside one electron's.
            assert np.abs(found - expected[name]).max() < 1e-9
        elif name == "ahc":
            one_k = berry_curvature(bi, states_of(bi, data.kpoints_all[:1]), np.ones((1, 1, 32)))
            assert np.abs(found - expected[name]).max() < 1e-9 * scale * max(np.abs(one_k).max(), 1)
        else:
            close(found, expected[name], 1e-9)


# --- (e): DASP ---


def chi_of(data, mu, kT, z):
    """Eq. (2.1) of the response with WannierBerri's energies, spin and connection, per k."""
    spin, connection, energy = data.Xbar("SS") / 2, data.get_A_H(), data.E_K
    occupation = fermi(energy, np.array([mu]), np.array([kT]))[:, 0, 0]
    eps_knm = energy[:, :, None] - energy[:, None, :]
    change_knm = occupation[:, None, :] - occupation[:, :, None]
    none = np.zeros(eps_knm.shape, dtype=complex)
    kernel_knm = np.divide(change_knm, eps_knm - complex(z), out=none, where=change_knm != 0.0)
    return -np.einsum("knm,kmna,knmb->kab", kernel_knm, spin, connection)


@pytest.mark.parametrize("eta", [0.0, 0.05])
def test_dasp_of_the_monolayer_at_every_k(bi, eta):
    """Below the gap the Υ's give the Kubo response; with broadening they do at any ω."""
    omega = np.array([0.0, 0.0414, 0.2, 0.35] + ([1.1, 2.7] if eta else []))
    kpt_kc = random_points(bi, 10, seed=3)
    data, states = at_points(to_system(bi), kpt_kc), states_of(bi, kpt_kc)
    response = SpinPolarizability(omega_w=omega, mu_f=MID_GAP, eta=eta)
    chi = response.publish(response(states))["chi"][:, 0, 0, 0]
    for w, value in enumerate(omega):
        expected = chi_of(data, MID_GAP, 0.0, value + 1j * eta)
        for k in range(len(kpt_kc)):
            close(chi[k, w], expected[k], 1e-9)


def test_dasp_of_a_metal_at_every_k(crooked):
    kpt_kc = random_points(crooked, 10, seed=4)
    data, states = at_points(to_system(crooked), kpt_kc), states_of(crooked, kpt_kc)
    response = SpinPolarizability(omega_w=OMEGA, mu_f=LEVELS, kT=[0.0, 0.1], eta=ETA)
    chi = response.publish(response(states))["chi"][:, 0]
    for t, kT in enumerate([0.0, 0.1]):
        for f, mu in enumerate(LEVELS):
            for w, omega in enumerate(OMEGA):
                expected = chi_of(data, mu, kT, omega + 1j * ETA)
                close(chi[:, t, f, w], expected, 1e-9)


def test_integrated_dasp(bi):
    """A run of this package against WannierBerri's matrix elements on its own FFT mesh."""
    omega = np.array([0.0414, 0.2])  # at 0 time reversal leaves nothing
    mesh = (6, 6, 1)
    result = compute(
        bi,
        [SpinPolarizability(omega_w=omega, mu_f=MID_GAP)],
        mesh=UniformMesh(n=mesh),
        symmetry="none",
    )
    data = on_mesh(to_system(bi), mesh)
    for w, value in enumerate(omega):
        expected = chi_of(data, MID_GAP, 0.0, value).mean(axis=0) / bi.measure
        close(result["chi"].values[0, 0, 0, w], expected, 1e-9)


# --- (d): its own reading of the files ---


@pytest.fixture(scope="module")
def berri_files(bi_files):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files open
        return wannierberri.WannierData.from_w90_files(
            str(bi_files), files=["chk", "eig", "mmn", "spn"], npar=1
        )


def interpolated(berri_files, **options):
    return System_R.from_wannierdata(
        berri_files,
        berry=True,
        spin=True,
        symmetrize=False,
        periodic=(True, True, False),
        **options,
    )


def test_reading_of_the_checkpoint(berri_files):
    """H(R), spin(R) and the list of R after minimal distances, to rounding."""
    theirs = from_system(interpolated(berri_files))
    ours = load_model(berri_files.seedname, source="chk", spin="spn")
    np.testing.assert_array_equal(theirs.R_Rc, ours.R_Rc)
    assert theirs.periodic == ours.periodic
    assert np.abs(theirs.centres_ia - ours.centres_ia).max() < 1e-12
    assert np.abs(theirs.ham_Rij - ours.ham_Rij).max() < 1e-12
    assert np.abs(theirs.spin_Rsij - ours.spin_Rsij).max() < 1e-12


def test_reading_of_the_overlaps(berri_files):
    """r(R) by the formula of Wannier90, from WannierBerri's overlaps, gauge and neighbours.

    Its own r(R) takes each overlap relative to the Wannier centre, another finite difference of
    the same order in the mesh, and is only checked to be near: 0.12 Å at most.
    """
    system = interpolated(berri_files)
    own = from_system(system)
    points, weights = berri_files.kptirr_system
    pos_kija = sum(
        berri_files.chk.get_AABB_q_ib(
            bkvec=berri_files.bkvec,
            mmn=berri_files.mmn,
            kptirr=points,
            weights_k=weights,
            ib=ib,
            transl_inv=True,
        )
        for ib in range(berri_files.bkvec.NNB)
    )
    system.set_R_mat("AA", system.rvec.q_to_R(pos_kija), reset=True, Hermitian=True)
    diagonal = np.arange(system.num_wann)
    system.get_R_mat("AA")[system.rvec.iR0, diagonal, diagonal] -= system.wannier_centers_cart
    ours = load_model(berri_files.seedname, source="chk", spin="spn")
    assert np.abs(from_system(system).pos_Raij - ours.pos_Raij).max() < 1e-12
    assert np.abs(own.pos_Raij - ours.pos_Raij).max() < 0.15  # Å; bonds are 3 Å


def test_positions_about_the_middle_of_each_pair(berri_files):
    """r(R) by finite differences that do not depend on the origin."""
    theirs = from_system(interpolated(berri_files, transl_inv_JM=True))
    ours = load_model(berri_files.seedname, source="chk", spin="spn", position="midpoint")
    np.testing.assert_array_equal(theirs.R_Rc, ours.R_Rc)
    assert np.abs(theirs.pos_Raij - ours.pos_Raij).max() < 1e-12


def test_two_readings_give_the_same_bands_and_spin(bi, berri_files):
    """_tb.dat with _wsvec.dat here, .chk with .eig there: 5e-8 eV, the digits of _tb.dat.

    The spin of a band is compared where the next one is 10 meV away: where bands nearly touch,
    they turn the states.
    """
    system = interpolated(berri_files)
    kpt_kc = random_points(bi, 10, seed=5)
    states, data = states_of(bi, kpt_kc), at_points(system, kpt_kc)
    assert np.abs(states.energy_kn - data.E_K).max() < 1e-7
    apart = np.diff(states.energy_kn, axis=1, prepend=-np.inf, append=np.inf)
    alone_kn = np.minimum(apart[:, 1:], apart[:, :-1]) > 0.01
    assert alone_kn.mean() > 0.5
    spin_kns = np.einsum("ksnn->kns", states.spin_ksnm).real
    found = np.einsum("knns->kns", data.Xbar("SS")).real
    assert np.abs(spin_kns - found)[alone_kn].max() < 1e-5
