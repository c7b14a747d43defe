"""TBmodels models and files as ours; stand-ins with its attributes, and TBmodels where it is."""

import sys
import types
import warnings

import numpy as np
import pytest
from bloch import ham_ours
from scipy.sparse import csr_array

import w90spin as ws
from w90spin.errors import FileFormatError, FileMissingError, ModelError, W90SpinWarning
from w90spin.model.tbmodels import from_tbmodels, to_tbmodels
from w90spin.storage import write_tree

K_kc = np.random.default_rng(7).uniform(-0.5, 0.5, (6, 3))


class Model:
    """TBmodels' attributes, with its Hamiltonian written out."""

    def __init__(self, hop, pos, uc, dim=None, occ=None, contains_cc=False):
        assert not contains_cc
        self.hop, self.pos, self.uc, self.occ = hop, np.array(pos), uc, occ
        self.size, self.dim = self.pos.shape

    def hamilton(self, k, convention=2):
        ham = sum(np.exp(2j * np.pi * np.dot(k, R)) * half for R, half in self.hop.items())
        ham = ham + ham.conj().T
        if convention == 1:
            phase = np.exp(2j * np.pi * self.pos @ k)
            ham = phase.conj()[:, None] * ham * phase
        return ham


@pytest.fixture(params=["stand-in", "installed"])
def tbmodels(request, monkeypatch):
    if request.param == "installed":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pytest.importorskip("tbmodels")
    module = types.ModuleType("tbmodels")
    module.Model = Model
    monkeypatch.setitem(sys.modules, "tbmodels", module)
    return module


def random_hop(n, dimension, seed):
    """Half of the lattice vectors, half of the matrix at home."""
    rng = np.random.default_rng(seed)
    hop = {}
    for R in np.ndindex((3,) * dimension):
        R = tuple(x - 1 for x in R)
        if not any(R) or next(x for x in R if x) > 0:
            hop[R] = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    home = hop[(0,) * dimension]
    hop[(0,) * dimension] = 0.25 * (home + home.conj().T)
    return hop


UC = np.array([[2.0, 0.3, 0.0], [0.5, 3.0, 0.2], [0.0, 0.1, 4.0]])
POS = np.array([[0.0, 0.1, 0.9], [0.5, 0.4, 0.3], [0.25, 0.75, 0.5], [0.9, 0.0, 0.1]])


def build(tbmodels, dimension, seed=3):
    return tbmodels.Model(
        hop=random_hop(4, dimension, seed),
        pos=POS[:, :dimension],
        uc=UC[:dimension, :dimension],
        dim=dimension,
        contains_cc=False,
    )


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_its_hamiltonian(tbmodels, dimension):
    """Convention 2 is ours; convention 1 has the positions in the phase."""
    tb = build(tbmodels, dimension)
    model = from_tbmodels(tb)
    assert model.periodic == tuple(axis < dimension for axis in range(3))
    np.testing.assert_allclose(model.centres_ia[:, :dimension], tb.pos @ UC[:dimension, :dimension])
    tau_ic = model.centres_ia @ np.linalg.inv(model.cell_ca)
    for kpt_c in K_kc * np.array(model.periodic):
        ham_ij = ham_ours(model, kpt_c)
        np.testing.assert_allclose(ham_ij, tb.hamilton(list(kpt_c[:dimension])), atol=1e-13)
        phase_i = np.exp(2j * np.pi * tau_ic @ kpt_c)
        np.testing.assert_allclose(
            phase_i.conj()[:, None] * ham_ij * phase_i,
            tb.hamilton(list(kpt_c[:dimension]), convention=1),
            atol=1e-13,
        )


def test_home_is_halved():
    """On-site energies of 1 and -1 are stored as a half."""
    tb = Model({(0,): np.diag([0.5, -0.5]), (1,): np.diag([0.1j, 0.0])}, [[0.0], [0.5]], [[2.0]])
    model = from_tbmodels(tb)
    assert model.R_Rc[:, 0].tolist() == [-1, 0, 1]
    np.testing.assert_array_equal(model.ham_Rij[1], np.diag([1.0, -1.0]))
    np.testing.assert_array_equal(model.ham_Rij[:, 0, 0], [-0.1j, 1.0, 0.1j])


def test_there_and_back(tbmodels):
    tb = build(tbmodels, 3)
    model = from_tbmodels(tb)
    back = from_tbmodels(to_tbmodels(model, occ=2))
    np.testing.assert_array_equal(back.R_Rc, model.R_Rc)
    for field in ("cell_ca", "ham_Rij", "pos_Raij", "centres_ia"):
        np.testing.assert_allclose(getattr(back, field), getattr(model, field), rtol=0, atol=1e-13)


def test_orbitals_outside_the_cell_are_moved_with_their_hoppings(tbmodels):
    """Where TBmodels does so, the Hamiltonian differs by a phase of each orbital only."""
    toy = ws.toys.pt_antiferromagnet()
    moved = ws.WannierModel.from_arrays(
        toy.cell_ca,
        toy.R_Rc,
        toy.ham_Rij,
        centres=toy.centres_ia - [[9.0, 0.0, 0.0]] * toy.n_wann,
        periodic=toy.periodic,
    )
    tb = to_tbmodels(moved)
    back = from_tbmodels(tb)
    assert back.periodic == (True, True, False)
    for kpt_c in K_kc:
        phase_i = np.exp(2j * np.pi * (moved.centres_ia @ np.linalg.inv(toy.cell_ca)) @ kpt_c)
        np.testing.assert_allclose(
            tb.hamilton(list(kpt_c), convention=1),
            phase_i.conj()[:, None] * ham_ours(moved, kpt_c) * phase_i,
            atol=1e-13,
        )


def test_bismuth_in_tbmodels(bi_tb, tbmodels):
    with pytest.warns(W90SpinWarning, match=r"up to 0\.[0-9]+ Å; spin operator \(\.spn\)"):
        tb = to_tbmodels(bi_tb)
    for kpt_c in K_kc[:3]:
        np.testing.assert_allclose(
            np.linalg.eigvalsh(tb.hamilton(list(kpt_c))),
            np.linalg.eigvalsh(ham_ours(bi_tb, kpt_c)),
            atol=1e-12,
        )
    back = from_tbmodels(tb, spin_order="interlaced")
    assert back.periodic == (True, True, False)
    between_ia = back.centres_ia - bi_tb.centres_ia
    np.testing.assert_allclose(between_ia[:, 2], 8.5, atol=0.3)  # the middle of the cell
    home = back.R_Rc.tolist().index([0, 0, 0])
    ours = bi_tb.R_Rc.tolist().index([0, 0, 0])
    assert np.abs(back.spin_Rsij[home] - bi_tb.spin_Rsij[ours]).max() < 0.03
    assert back.spin_pairs.tolist() == [[2 * p, 2 * p + 1] for p in range(16)]


def layout(tb, *, sparse, tagged=True):
    """The groups and names of TBmodels' files."""
    hop = {}
    for index, (R, matrix) in enumerate(tb.hop.items()):
        group = {"R": np.array(R)}
        if sparse:
            packed = csr_array(matrix)
            group |= {"data": packed.data, "indices": packed.indices, "indptr": packed.indptr}
            group["shape"] = np.array(packed.shape)
        else:
            group["mat"] = matrix
        hop[str(index)] = group
    tree = {
        "uc": tb.uc,
        "size": tb.size,
        "dim": tb.dim,
        "pos": tb.pos,
        "sparse": sparse,
        "hop": hop,
    }
    return {**tree, "type_tag": "tbmodels.model"} if tagged else tree


@pytest.mark.parametrize("form", ["dense", "sparse", "untagged", "tb_model"])
def test_files(form, tmp_path):
    tb = Model(random_hop(4, 3, 11), POS, UC)
    tree = layout(tb, sparse=form == "sparse", tagged=form in ("dense", "sparse"))
    path = write_tree(tmp_path / "x.hdf5", {"tb_model": tree} if form == "tb_model" else tree)
    model, direct = from_tbmodels(path), from_tbmodels(tb)
    assert model.name == "x.hdf5"
    assert list(model.inputs) == ["x.hdf5"]
    np.testing.assert_array_equal(model.ham_Rij, direct.ham_Rij)
    np.testing.assert_array_equal(model.centres_ia, direct.centres_ia)


@pytest.mark.parametrize("sparse", [False, True])
def test_files_by_tbmodels(tmp_path, sparse):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tbmodels = pytest.importorskip("tbmodels")
    tb = build(tbmodels, 3, seed=12)
    direct = from_tbmodels(tb)
    tb.set_sparse(sparse)
    tb.to_hdf5_file(str(tmp_path / "x.hdf5"))
    np.testing.assert_array_equal(from_tbmodels(tb).ham_Rij, direct.ham_Rij)
    np.testing.assert_array_equal(from_tbmodels(str(tmp_path / "x.hdf5")).ham_Rij, direct.ham_Rij)


def test_what_is_refused(tmp_path, monkeypatch):
    with pytest.raises(FileMissingError, match="the file is not there"):
        from_tbmodels(tmp_path / "none.hdf5")
    text = tmp_path / "text.hdf5"
    text.write_text("no HDF5")
    with pytest.raises(FileFormatError, match="not a readable HDF5 file"):
        from_tbmodels(text)
    other = write_tree(tmp_path / "list.hdf5", {"type_tag": "builtins.list", "0": np.zeros(3)})
    with pytest.raises(FileFormatError, match=r"no TBmodels model \(type_tag = 'builtins.list'\)"):
        from_tbmodels(other)
    tree = layout(Model(random_hop(4, 3, 1), POS, UC), sparse=False)
    tree["size"] = 5
    with pytest.raises(FileFormatError, match="not those of 'size' orbitals"):
        from_tbmodels(write_tree(tmp_path / "size.hdf5", tree))
    with pytest.raises(ModelError, match="A dict is not a model of TBmodels"):
        from_tbmodels({})
    with pytest.raises(ModelError, match="has no unit cell"):
        from_tbmodels(Model(random_hop(4, 3, 1), POS, None))
    monkeypatch.setitem(sys.modules, "tbmodels", None)
    with pytest.raises(ModelError, match="pip install tbmodels"):
        to_tbmodels(ws.toys.pt_antiferromagnet())


def test_positions_left_out_are_noted():
    model = from_tbmodels(Model(random_hop(4, 3, 1), 0 * POS, UC))
    assert any("All positions are at the cell's origin" in note for note in model.notes)
