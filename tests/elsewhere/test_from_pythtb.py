"""PythTB models as ours; stand-ins with PythTB's attributes, and PythTB itself where it is."""

import itertools
import sys
import types
import warnings

import numpy as np
import pytest
from bloch import ham_ours, ham_with_positions, random_terms, velocity, velocity_ours

import w90spin as ws
from w90spin.errors import ModelError, W90SpinWarning
from w90spin.model.pythtb import embed_lattice, from_pythtb, to_pythtb
from w90spin.model.spin import PAULI_sij

K_kc = np.random.default_rng(5).uniform(-0.5, 0.5, (6, 3))
POSITION = np.array([[0.1, 0.2, 0.35], [0.6, -0.15, 0.5], [1.3, 0.4, 0.05]])
CELL = np.array([[2.0, 0.0, 0.1], [0.7, 3.0, 0.0], [0.2, -0.4, 5.0]])


class Lattice:
    def __init__(self, lat_vecs, orb_vecs, periodic_dirs):
        self.lat_vecs, self.orb_vecs = np.array(lat_vecs), np.array(orb_vecs)
        self.periodic_dirs = list(periodic_dirs)


class TBModel:
    """The attributes of a model of PythTB 2 that are asked for."""

    assume_position_operator_diagonal = True

    def __init__(self, lattice, spinful=False):
        self.lattice, self.spinful = lattice, spinful
        self.parameters, self.hoppings = [], []
        n = len(lattice.orb_vecs)
        self.onsite = np.zeros((n, 2, 2), complex) if spinful else np.zeros(n)

    def set_onsite(self, energies):
        self.onsite = np.array(energies)

    def set_hop(self, amplitude, i, j, R=None, allow_conjugate_pair=False):
        hop = {"amplitude": amplitude, "from_orbital": i, "to_orbital": j}
        if np.any(R):
            hop["lattice_vector"] = list(R)
        self.hoppings.append(hop)


class tb_model:
    """The same for PythTB 1.8."""

    def __init__(self, dim_k, dim_r, lat, orb, per=None, nspin=1):
        self._lat, self._orb, self._nspin = np.array(lat), np.array(orb), nspin
        self._per = list(range(dim_k)) if per is None else per
        self._hoppings, self._site_energies = [], None
        self._dim_k = dim_k

    def set_onsite(self, energies):
        self._site_energies = np.array(energies)

    def set_hop(self, amplitude, i, j, R=None, allow_conjugate_pair=False):
        hop = [amplitude, i, j]
        self._hoppings.append([*hop, np.array(R)] if self._dim_k else hop)


def stand_in(version):
    module = types.ModuleType("pythtb")
    if version == 2:
        module.TBModel, module.Lattice = TBModel, Lattice
    else:
        module.tb_model = tb_model
    return module


@pytest.fixture(params=["stand-in 2", "stand-in 1.8", "installed"])
def pythtb(request, monkeypatch):
    if request.param == "installed":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pytest.importorskip("pythtb")
    module = stand_in(2 if request.param == "stand-in 2" else 1)
    monkeypatch.setitem(sys.modules, "pythtb", module)
    return module


def build(pythtb, terms, position_ic, lattice_ca, periodic_dirs):
    """The terms as a model of whichever version."""
    spinful = np.ndim(terms[0][0]) == 2
    dimension = len(lattice_ca)
    if hasattr(pythtb, "TBModel"):
        lattice = pythtb.Lattice(
            np.array(lattice_ca), np.array(position_ic), periodic_dirs=list(periodic_dirs)
        )
        tb = pythtb.TBModel(lattice, spinful=spinful)
    else:
        tb = pythtb.tb_model(
            len(periodic_dirs),
            dimension,
            lattice_ca,
            position_ic,
            per=list(periodic_dirs),
            nspin=2 if spinful else 1,
        )
    n = len(position_ic)
    onsite = [t for t, i, j, R in terms[:n]]
    tb.set_onsite(onsite if spinful else np.real(onsite).tolist())
    for t, i, j, R in terms[n:]:
        tb.set_hop(t, i, j, list(R) if periodic_dirs else None)
    return tb


def its_hamiltonian(tb, kpt_c):
    """PythTB's own matrix, spin flattened."""
    if hasattr(tb, "hamiltonian"):
        ham = tb.hamiltonian(np.array([kpt_c]))[0] if len(kpt_c) else tb.hamiltonian()
    else:
        ham = tb._gen_ham(kpt_c if len(kpt_c) else None)
    size = int(np.sqrt(ham.size))
    return ham.reshape(size, size)


LATTICES = [
    pytest.param(1, (0,), id="chain"),
    pytest.param(2, (0, 1), id="layer"),
    pytest.param(2, (1,), id="ribbon"),
    pytest.param(3, (0, 1, 2), id="crystal"),
    pytest.param(3, (0, 2), id="slab"),
    pytest.param(3, (), id="molecule"),
]


@pytest.mark.parametrize("n_spin", [1, 2])
@pytest.mark.parametrize(("dimension", "periodic_dirs"), LATTICES)
def test_the_hamiltonian_in_the_other_phase_convention(pythtb, n_spin, dimension, periodic_dirs):
    """Ours times exp(ik.(t_j - t_i)) is the sum written out, and PythTB's own."""
    reach = [int(axis in periodic_dirs) for axis in range(dimension)]
    terms = random_terms(3, n_spin, reach, seed=dimension)
    position_ic = POSITION[:, :dimension]
    tb = build(pythtb, terms, position_ic, CELL[:dimension, :dimension], periodic_dirs)
    model = from_pythtb(tb)
    assert model.n_wann == 3 * n_spin
    assert model.periodic == tuple(axis in periodic_dirs for axis in range(3))
    np.testing.assert_allclose(
        model.centres_ia[::n_spin] @ np.linalg.inv(model.cell_ca),
        np.pad(position_ic, ((0, 0), (0, 3 - dimension))),
        atol=1e-14,
    )
    for kpt_c in K_kc * np.array(model.periodic):
        tau_i = np.repeat(position_ic @ kpt_c[:dimension], n_spin)
        phase_ij = np.exp(2j * np.pi * (tau_i - tau_i[:, None]))
        ham_ij = phase_ij * ham_ours(model, kpt_c)
        written_ij = ham_with_positions(terms, position_ic, kpt_c[:dimension])
        np.testing.assert_allclose(ham_ij, written_ij, atol=1e-13)
        if pythtb.__name__ == "pythtb" and hasattr(pythtb, "__version__"):
            its_ij = its_hamiltonian(tb, kpt_c[list(periodic_dirs)])
            np.testing.assert_allclose(ham_ij, its_ij, atol=1e-13)


@pytest.mark.parametrize("n_spin", [1, 2])
def test_interband_velocities(pythtb, n_spin):
    """Positions in the phase there, in the position operator here: the same |<n|v|m>|."""
    terms = random_terms(3, n_spin, (1, 1, 1), seed=8)
    model = from_pythtb(build(pythtb, terms, POSITION, CELL, (0, 1, 2)))
    for kpt_c, axis in itertools.product(K_kc[:3], range(3)):
        there_nm = velocity(lambda k: ham_with_positions(terms, POSITION, k), kpt_c, CELL, axis)
        np.testing.assert_allclose(velocity_ours(model, kpt_c, axis), there_nm, atol=1e-7)


@pytest.mark.parametrize("n_spin", [1, 2])
@pytest.mark.parametrize(("dimension", "periodic_dirs"), LATTICES)
def test_there_and_back(pythtb, n_spin, dimension, periodic_dirs):
    """The same arrays; the way back is three-dimensional and loses nothing."""
    reach = [int(axis in periodic_dirs) for axis in range(dimension)]
    terms = random_terms(3, n_spin, reach, seed=20 + dimension)
    lattice_ca = CELL[:dimension, :dimension]
    model = from_pythtb(build(pythtb, terms, POSITION[:, :dimension], lattice_ca, periodic_dirs))
    back = from_pythtb(to_pythtb(model), name=model.name)
    assert back.periodic == model.periodic
    np.testing.assert_array_equal(back.R_Rc, model.R_Rc)
    for field in ("cell_ca", "ham_Rij", "pos_Raij", "spin_Rsij", "centres_ia", "spin_pairs"):
        one, other = getattr(back, field), getattr(model, field)
        if other is None:
            assert one is None
        else:
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def test_graphene(pythtb):
    """E = ±t |1 + exp(ik.a1) + exp(ik.a2)| for any phase convention."""
    lattice_ca = [[1.0, 0.0], [0.5, np.sqrt(3.0) / 2]]
    terms = [(0.0, 0, 0, (0, 0)), (0.0, 1, 1, (0, 0))]
    terms += [(-2.7, 0, 1, (0, 0)), (-2.7, 1, 0, (1, 0)), (-2.7, 1, 0, (0, 1))]
    model = from_pythtb(build(pythtb, terms, [[1 / 3, 1 / 3], [2 / 3, 2 / 3]], lattice_ca, (0, 1)))
    for kpt_c in K_kc * [1, 1, 0]:
        shape = abs(1 + np.exp(2j * np.pi * kpt_c[0]) + np.exp(2j * np.pi * kpt_c[1]))
        np.testing.assert_allclose(
            np.linalg.eigvalsh(ham_ours(model, kpt_c)), [-2.7 * shape, 2.7 * shape], atol=1e-13
        )
    assert model.measure == pytest.approx(np.sqrt(3.0) / 2)
    assert model.spin_Rsij is None
    # At the Dirac point both velocities are those of a cone of slope (√3/2) t a.
    for axis in (0, 1):
        squared = (velocity_ours(model, np.array([1 / 3, 2 / 3, 0.0]), axis) ** 2).sum()
        assert squared == pytest.approx(2 * (np.sqrt(3.0) / 2 * 2.7) ** 2)


def test_spin_of_a_zeeman_field(pythtb):
    """Orbital by orbital, up before down: energies ±|B| with the spin along B."""
    field_s = np.array([0.3, -0.4, 1.2])
    zeeman = np.einsum("s,sij->ij", field_s, PAULI_sij)
    terms = [(zeeman, 0, 0, (0,)), (2.0 * zeeman, 1, 1, (0,)), (0.1 * np.eye(2), 0, 0, (1,))]
    model = from_pythtb(build(pythtb, terms, [[0.0], [0.5]], [[2.0]], (0,)))
    assert model.spin_pairs.tolist() == [[0, 1], [2, 3]]
    assert "PythTB" in model.spin_source
    home = model.R_Rc.tolist().index([0, 0, 0])
    energy_n, u_in = np.linalg.eigh(model.ham_Rij[home])
    np.testing.assert_allclose(energy_n, [-2.6, -1.3, 1.3, 2.6])
    spin_sn = np.einsum("in,sij,jn->sn", u_in.conj(), model.spin_Rsij[home], u_in).real
    along_s = field_s / 1.3
    np.testing.assert_allclose(spin_sn.T, np.outer([-1, -1, 1, 1], along_s), atol=1e-12)


def test_amplitudes_of_both_directions_add(pythtb):
    """PythTB counts i -> j and j -> i twice if both are given; so do we."""
    terms = [(0.0, 0, 0, (0,)), (0.0, 1, 1, (0,)), (1.0 + 1j, 0, 1, (1,))]
    tb = build(pythtb, terms, [[0.0], [0.3]], [[2.0]], (0,))
    tb.set_hop(0.25, 1, 0, [-1], allow_conjugate_pair=True)
    model = from_pythtb(tb)
    assert model.ham_Rij[model.R_Rc.tolist().index([1, 0, 0])][0, 1] == 1.25 + 1j


def test_hoppings_of_18_along_open_directions_stay_in_the_cell():
    """PythTB 1.8 accepts such R and looks only at the periodic components."""
    tb = tb_model(1, 2, np.eye(2), [[0.0, 0.0]], per=[0])
    tb.set_onsite([0.0])
    tb.set_hop(0.5, 0, 0, [1, 7])
    assert np.abs(from_pythtb(tb).R_Rc).max() == 1


def test_bismuth_in_pythtb(bi_tb, pythtb):
    """16 spinful orbitals: the bands of the first-principles model, and word of what is lost."""
    hopping = 0.02
    with pytest.warns(
        W90SpinWarning, match="position matrix beyond its diagonal, up to 0\\.[0-9]+ Å"
    ) as told:
        tb = to_pythtb(bi_tb, smallest=hopping)
    assert len(told) == 1
    message = str(told[0].message)
    for words in ("spin operator (.spn) from Pauli matrices", "up to 0.02 eV, as asked"):
        assert words in message
    back = from_pythtb(tb)
    assert back.n_wann == 32
    assert back.periodic == (True, True, False)
    for kpt_c in K_kc[:2] * [1, 1, 0]:
        ham_ij = ham_ours(bi_tb, kpt_c)
        dropped = np.abs(ham_ours(back, kpt_c) - ham_ij).max()
        assert dropped < 40 * hopping
        if hasattr(tb, "solve_one") or hasattr(tb, "hamiltonian"):
            its_ij = its_hamiltonian(tb, kpt_c[:2])
            np.testing.assert_allclose(
                np.linalg.eigvalsh(its_ij), np.linalg.eigvalsh(ham_ours(back, kpt_c)), atol=1e-12
            )


def test_without_spin_every_function_is_an_orbital(pythtb):
    model = ws.toys.pt_antiferromagnet()
    with pytest.warns(W90SpinWarning, match="spin operator \\(given array\\)"):
        tb = to_pythtb(model, spinful=False)
    back = from_pythtb(tb)
    assert back.spin_Rsij is None
    np.testing.assert_allclose(back.ham_Rij, model.ham_Rij, atol=1e-14)


def test_spin_pairs_in_blocks_become_orbitals(pythtb):
    """State 2p + s of PythTB is Wannier function pairs[p, s]."""
    toy = ws.toys.tt_antiferromagnet()
    blocks = [0, 2, 1, 3]  # all up, then all down
    model = ws.WannierModel.from_arrays(
        toy.cell_ca,
        toy.R_Rc,
        toy.ham_Rij[:, blocks][:, :, blocks],
        spin=toy.spin_Rsij.transpose(0, 2, 3, 1)[:, blocks][:, :, blocks],
        centres=toy.centres_ia[blocks],
        periodic=toy.periodic,
        spin_pairs=[[0, 2], [1, 3]],
    )
    back = from_pythtb(to_pythtb(model))
    np.testing.assert_allclose(back.ham_Rij, toy.ham_Rij, atol=1e-14)
    np.testing.assert_allclose(back.spin_Rsij, toy.spin_Rsij, atol=1e-14)


def test_centres_of_up_and_down_that_differ(pythtb):
    toy = ws.toys.pt_antiferromagnet()
    centres_ia = toy.centres_ia + 0.03 * np.array([[1], [-1], [0], [0]]) * [1, 0, 0]
    model = ws.WannierModel.from_arrays(
        toy.cell_ca,
        toy.R_Rc,
        toy.ham_Rij,
        spin=toy.spin_Rsij.transpose(0, 2, 3, 1),
        centres=centres_ia,
        periodic=toy.periodic,
        spin_pairs=toy.spin_pairs,
    )
    with pytest.warns(W90SpinWarning, match="up and down from their mean, up to 0.03 Å"):
        tb = to_pythtb(model)
    np.testing.assert_allclose(from_pythtb(tb).centres_ia, toy.centres_ia, atol=1e-14)


def test_what_is_refused(pythtb, monkeypatch):
    with pytest.raises(ModelError, match="A dict is not a tight-binding model of PythTB"):
        from_pythtb({})
    tb = TBModel(Lattice(np.eye(1), [[0.0]], [0]))
    tb.parameters = [{"kind": "onsite", "names": ["mass"]}]
    with pytest.raises(ModelError, match="depends on mass, of no value yet"):
        from_pythtb(tb)
    with pytest.raises(ModelError, match="4 dimensions"):
        embed_lattice(np.eye(4))
    toy = ws.toys.pt_antiferromagnet()
    alone = ws.WannierModel.from_arrays(toy.cell_ca, toy.R_Rc, toy.ham_Rij, centres=toy.centres_ia)
    with pytest.raises(ModelError, match="does not know which Wannier functions"):
        to_pythtb(alone, spinful=True)
    mirrored = ws.WannierModel.from_arrays(
        toy.cell_ca * [1, 1, -1], toy.R_Rc, toy.ham_Rij, centres=toy.centres_ia
    )
    with pytest.raises(ModelError, match="left-handed"):
        to_pythtb(mirrored)
    monkeypatch.setitem(sys.modules, "pythtb", None)
    with pytest.raises(ModelError, match="pip install pythtb"):
        to_pythtb(toy)


def test_parameters_with_values(pythtb):
    """PythTB 2 with a parameter fixed."""
    if not hasattr(getattr(pythtb, "TBModel", None), "with_parameters"):
        pytest.skip("no PythTB 2 here")
    tb = pythtb.TBModel(pythtb.Lattice([[1.0]], [[0.0], [0.5]], [0]))
    tb.set_hop("t", 0, 1, [0])
    with pytest.raises(ModelError, match="depends on t"):
        from_pythtb(tb)
    model = from_pythtb(tb.with_parameters(t=-1.5))
    assert model.ham_Rij[0, 0, 1] == -1.5


def test_from_wannier90_by_pythtb(bi_folder, tmp_path):
    """PythTB's own reader of the bismuth files gives the bands of ours; it says what it lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pythtb = pytest.importorskip("pythtb")
    reader = getattr(pythtb, "W90", None) or pythtb.w90
    import lzma

    for name in ("bi_hr.dat", "bi.wout", "bi.win", "bi_centres.xyz", "bi_band.kpt"):
        packed, plain = bi_folder / f"{name}.xz", bi_folder / name
        if packed.exists():
            (tmp_path / name).write_bytes(lzma.decompress(packed.read_bytes()))
        elif plain.exists():
            (tmp_path / name).write_bytes(plain.read_bytes())
    tb = reader(str(tmp_path), "bi").model(min_hopping_norm=0.05)
    model = from_pythtb(tb)
    assert model.periodic == (True, True, True)
    assert any("read this model from Wannier90" in note for note in model.notes)
    ours = ws.load_model(tmp_path / "bi", source="hr", spin="none", minimal_distance=False)
    apart = np.abs(model.centres_ia - ours.centres_ia)
    assert apart.max() < 1e-4
    kept_Rij = {tuple(R): ham for R, ham in zip(ours.R_Rc.tolist(), ours.ham_Rij, strict=True)}
    for R, ham_ij in zip(model.R_Rc.tolist(), model.ham_Rij, strict=True):
        there = np.abs(ham_ij) > 0
        np.testing.assert_allclose(ham_ij[there], kept_Rij[tuple(R)][there], atol=2e-6)
