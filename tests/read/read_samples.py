"""Tiny Wannier90 files, written from known arrays: two Wannier functions, three R, two k."""

import struct
from dataclasses import dataclass

import numpy as np

N_WANN = 2
R_Rc = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
DEGENERACY_R = np.array([2, 1, 2])


def _ham():
    hop_ij = np.array([[0.25, 0.5 + 0.125j], [-0.75j, 1.5]])
    home_ij = np.array([[-1.0, 0.3 - 0.2j], [0.3 + 0.2j, 2.0]])
    return np.array([hop_ij.conj().T, home_ij, hop_ij])


def _pos():
    rng = np.random.default_rng(7)
    hop_aij = np.round(rng.normal(size=(3, 2, 2)) + 1j * rng.normal(size=(3, 2, 2)), 6)
    home_aij = np.round(rng.normal(size=(3, 2, 2)), 6) + 0j
    home_aij = np.round((home_aij + home_aij.swapaxes(1, 2)) / 2, 6)
    return np.array([hop_aij.swapaxes(1, 2).conj(), home_aij, hop_aij])


HAM_Rij = _ham()
POS_Raij = _pos()
CELL_CA = np.array([[3.0, 0.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.0, 12.0]])


def _degeneracies():
    return "".join(f"{d:5d}" for d in DEGENERACY_R) + "\n"


def hr_text(ham_Rij=HAM_Rij, vectors_Rc=R_Rc):
    text = f" written on a day\n{N_WANN:12d}\n{len(vectors_Rc):12d}\n" + _degeneracies()
    for (r1, r2, r3), ham_ij in zip(vectors_Rc, ham_Rij, strict=True):
        for j in range(N_WANN):
            for i in range(N_WANN):
                h = ham_ij[i, j]
                text += f"{r1:5d}{r2:5d}{r3:5d}{i + 1:5d}{j + 1:5d}{h.real:12.6f}{h.imag:12.6f}\n"
    return text


def tb_text():
    text = " written on a day\n"
    text += "".join("".join(f"{x:21.13f}" for x in row) + "\n" for row in CELL_CA)
    text += f"{N_WANN:12d}\n{len(R_Rc):12d}\n" + _degeneracies()
    for kind in ("H", "r"):
        for R, R_c in enumerate(R_Rc):
            text += "\n" + "".join(f"{x:5d}" for x in R_c) + "\n"
            for j in range(N_WANN):
                for i in range(N_WANN):
                    values = [HAM_Rij[R, i, j]] if kind == "H" else POS_Raij[R, :, i, j]
                    text += f"{i + 1:5d}{j + 1:5d}" + "".join(
                        f"{v.real:16.8E}{v.imag:16.8E}" for v in values
                    )
                    text += "\n"
    return text


def rmn_text():
    text = f" written on a day\n{N_WANN:12d}\n{len(R_Rc):12d}\n"
    for R, (r1, r2, r3) in enumerate(R_Rc):
        for j in range(N_WANN):
            for i in range(N_WANN):
                text += f"{r1:5d}{r2:5d}{r3:5d}{i + 1:5d}{j + 1:5d}"
                text += "".join(f"{v.real:12.6f}{v.imag:12.6f}" for v in POS_Raij[R, :, i, j])
                text += "\n"
    return text


COUNT_Rij = np.array([[[1, 2], [2, 1]], [[1, 1], [1, 1]], [[1, 2], [2, 1]]])
SHIFT_PC = np.array(
    [[0, 0, 0], [0, 0, 0], [2, 0, 0], [0, 0, 0], [2, 0, 0], [0, 0, 0]]
    + 4 * [[0, 0, 0]]
    + [[0, 0, 0], [0, 0, 0], [-2, 0, 0], [0, 0, 0], [-2, 0, 0], [0, 0, 0]]
)


def wsvec_text(use_ws_distance=True):
    word = ".true." if use_ws_distance else ".false."
    text = f"## written on a day  with use_ws_distance={word}\n"
    shifts = iter(SHIFT_PC)
    for R, R_c in enumerate(R_Rc):
        for i in range(N_WANN):
            for j in range(N_WANN):
                text += "".join(f"{x:5d}" for x in (*R_c, i + 1, j + 1)) + "\n"
                count = COUNT_Rij[R, i, j] if use_ws_distance else 1
                text += f"{count:5d}\n"
                for _ in range(count):
                    T_c = next(shifts) if use_ws_distance else (0, 0, 0)
                    text += "".join(f"{x:5d}" for x in T_c) + "\n"
    return text


CENTRES_IA = np.array([[0.125, 0.25, 0.5], [1.0, -2.0, 3.0]])
POSITIONS_XA = np.array([[0.0, 0.0, 0.5]])
CENTRES_TEXT = """\
     3
 Wannier centres, written by Wannier90 on a day
X          0.12500000       0.25000000       0.50000000
X          1.00000000      -2.00000000       3.00000000
Bi         0.00000000       0.00000000       0.50000000
"""


N_BANDS, N_KPTS, N_B = 3, 2, 2
ENERGY_KN = np.array([[-1.5, 0.25, 3.0], [-1.25, 0.5, 2.75]])
KPT_KC = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
NEIGHBOUR_KB = np.array([[1, 1], [0, 0]])
G_KBC = np.array([[[0, 0, 0], [-1, 0, 0]], [[0, 0, 0], [1, 0, 0]]])


def _random_complex(*shape):
    rng = np.random.default_rng(len(shape) + sum(shape))
    return np.round(rng.normal(size=shape) + 1j * rng.normal(size=shape), 8)


def _isometry(n, m, seed):
    rng = np.random.default_rng(seed)
    return np.linalg.qr(rng.normal(size=(n, m)) + 1j * rng.normal(size=(n, m)))[0]


AMN_KNI = _random_complex(N_KPTS, N_BANDS, N_WANN)
MMN_KBMN = _random_complex(N_KPTS, N_B, N_BANDS, N_BANDS)
SPIN_KSNM = _random_complex(N_KPTS, 3, N_BANDS, N_BANDS)
SPIN_KSNM = (SPIN_KSNM + SPIN_KSNM.conj().swapaxes(2, 3)) / 2

UXU_KBPNM = _random_complex(N_KPTS, N_B, N_B, N_BANDS, N_BANDS)
UXU_KBPNM = (UXU_KBPNM + UXU_KBPNM.conj().transpose(0, 2, 1, 4, 3)) / 2
SXU_KBSNM = _random_complex(N_KPTS, N_B, 3, N_BANDS, N_BANDS)


def eig_text():
    return "".join(
        f"{n + 1:5d}{k + 1:5d}{ENERGY_KN[k, n]:18.12f}\n"
        for k in range(N_KPTS)
        for n in range(N_BANDS)
    )


def amn_text():
    text = f" Created on a day\n{N_BANDS:12d}{N_KPTS:12d}{N_WANN:12d}\n"
    for k in range(N_KPTS):
        for i in range(N_WANN):
            for n in range(N_BANDS):
                a = AMN_KNI[k, n, i]
                text += f"{n + 1:5d}{i + 1:5d}{k + 1:5d}{a.real:18.12f}{a.imag:18.12f}\n"
    return text


def mmn_text():
    text = f" Created on a day\n{N_BANDS:12d}{N_KPTS:12d}{N_B:12d}\n"
    for k in range(N_KPTS):
        for b in range(N_B):
            link = (k + 1, NEIGHBOUR_KB[k, b] + 1, *G_KBC[k, b])
            text += "".join(f"{x:5d}" for x in link) + "\n"
            for n in range(N_BANDS):
                for m in range(N_BANDS):
                    v = MMN_KBMN[k, b, m, n]
                    text += f"{v.real:18.12f}{v.imag:18.12f}\n"
    return text


def records(items, mark="<i4", piece=None):
    """Fortran sequential unformatted file; ``piece`` splits records as gfortran does at 2 GiB."""
    pack = {"<i4": "<i", ">i4": ">i", "<i8": "<q", ">i8": ">q"}[mark]
    data = b""
    for item in items:
        pieces = [item] if not piece else [item[x : x + piece] for x in range(0, len(item), piece)]
        pieces = pieces or [b""]
        for number, content in enumerate(pieces):
            lead = -len(content) if number < len(pieces) - 1 else len(content)
            trail = -len(content) if number else len(content)
            data += struct.pack(pack, lead) + content + struct.pack(pack, trail)
    return data


def _packed_spin(k):
    return np.array(
        [SPIN_KSNM[k, s, n, m] for m in range(N_BANDS) for n in range(m + 1) for s in range(3)]
    )


def spn_items(order="<"):
    return [
        b"Created on a day".ljust(60),
        np.array([N_BANDS, N_KPTS], f"{order}i4").tobytes(),
        *[_packed_spin(k).astype(f"{order}c16").tobytes() for k in range(N_KPTS)],
    ]


def spn_text():
    text = "Created on a day\n" + f"{N_BANDS:5d}{N_KPTS:5d}\n"
    for k in range(N_KPTS):
        text += "".join(f"{v.real:26.16e}{v.imag:26.16e}\n" for v in _packed_spin(k))
    return text


def _neighbour_matrices(name):
    """In the file's order: the second neighbour slower than the first; the left state slow."""
    if name in ("uHu", "uIu"):
        return [UXU_KBPNM[k, b, p] for k in range(N_KPTS) for p in range(N_B) for b in range(N_B)]
    return [SXU_KBSNM[k, b, s] for k in range(N_KPTS) for b in range(N_B) for s in range(3)]


def xxu_items(name, order="<"):
    return [
        b"Created on a day".ljust(60),
        np.array([N_BANDS, N_KPTS, N_B], f"{order}i4").tobytes(),
        *[m.astype(f"{order}c16").tobytes() for m in _neighbour_matrices(name)],
    ]


def xxu_text(name):
    text = f" Created on a day\n{N_BANDS:12d}{N_KPTS:12d}{N_B:12d}\n"
    for matrix_nm in _neighbour_matrices(name):
        text += "".join(f"{v.real:20.10E}{v.imag:20.10E}\n" for v in matrix_nm.ravel())
    return text


@dataclass
class Checkpoint:
    """Arrays of a checkpoint with two k points, three bands and two Wannier functions."""

    disentangled: bool = True

    def __post_init__(self):
        self.n_bands = N_BANDS if self.disentangled else N_WANN
        self.window_kn = np.array([[True, True, True], [False, True, True]])
        self.n_window_k = self.window_kn.sum(axis=1)
        self.u_opt_kni = np.zeros((N_KPTS, N_BANDS, N_WANN), complex)
        for k, n_window in enumerate(self.n_window_k):
            self.u_opt_kni[k, :n_window] = _isometry(n_window, N_WANN, 11 + k)
        self.u_kij = np.array([_isometry(N_WANN, N_WANN, 21 + k) for k in range(N_KPTS)])
        self.overlap_kbij = _random_complex(N_KPTS, N_B, N_WANN, N_WANN)
        self.recip_ca = 2 * np.pi * np.linalg.inv(CELL_CA).T
        self.spreads_i = np.array([1.5, 2.5])
        self.exclude = [1, 2, 5]

    def items(self, order="<", integer="i4"):
        def ints(*values):
            return np.array(values, f"{order}{integer}").tobytes()

        def reals(array):
            return np.asarray(array).astype(f"{order}f8").tobytes()

        def complexes(array):
            return np.asarray(array).astype(f"{order}c16").tobytes()

        items = [
            b"written on a day at 10:00:00     ",
            ints(self.n_bands),
            ints(len(self.exclude)),
            ints(*self.exclude),
            reals(CELL_CA.T),
            reals(self.recip_ca.T),
            ints(N_KPTS),
            ints(2, 1, 1),
            reals(KPT_KC),
            ints(N_B),
            ints(N_WANN),
            b"postwann".ljust(20),
            ints(int(self.disentangled)),
        ]
        if self.disentangled:
            items += [
                reals(3.25),
                ints(*self.window_kn.astype(int).ravel()),
                ints(*self.n_window_k),
                complexes(self.u_opt_kni.swapaxes(1, 2)),
            ]
        return [
            *items,
            complexes(self.u_kij.swapaxes(1, 2)),
            complexes(self.overlap_kbij.swapaxes(2, 3)),
            reals(CENTRES_IA),
            reals(self.spreads_i),
        ]

    def text(self):
        def row(values):
            return "".join(_g25_17(x) for x in values) + "\n"

        def pairs(array):
            return "".join(row((v.real, v.imag)) for v in array.ravel())

        lines = ["written on a day at 10:00:00     \n", f"{self.n_bands}\n"]
        lines += [f"{len(self.exclude)}\n", *(f"{n}\n" for n in self.exclude)]
        lines += [row(CELL_CA.T.ravel()), row(self.recip_ca.T.ravel())]
        lines += [f"{N_KPTS}\n", "2 1 1\n", *(row(k) for k in KPT_KC)]
        lines += [f"{N_B}\n", f"{N_WANN}\n", "postwann".ljust(20) + "\n"]
        lines += [f"{int(self.disentangled)}\n"]
        if self.disentangled:
            lines += [row([3.25])]
            lines += [f"{int(flag)}\n" for flag in self.window_kn.ravel()]
            lines += [f"{n}\n" for n in self.n_window_k]
            lines += [pairs(self.u_opt_kni.swapaxes(1, 2))]
        lines += [pairs(self.u_kij.swapaxes(1, 2)), pairs(self.overlap_kbij.swapaxes(2, 3))]
        lines += [row(centre) for centre in CENTRES_IA] + [row([x]) for x in self.spreads_i]
        return "".join(lines)


def _g25_17(x):
    """Fortran's G25.17: plain between 0.1 and 1 with four blanks, else an exponent."""
    if 0.1 <= abs(x) < 1 or x == 0:
        return f"{x:21.17f}    "
    mantissa, exponent = f"{x:.16E}".split("E")
    sign = "-" if x < 0 else ""
    digits = mantissa.lstrip("-").replace(".", "")
    return f"{sign}0.{digits}E{int(exponent) + 1:+03d}".rjust(25)


WIN_TEXT = """\
! a comment
num_wann = 2
Num_Bands : 3   # another comment
spinors .TRUE.
exclude_bands = 1-2, 5
mp_grid = 2 1 1
fermi_energy = 1.5d0

Begin Unit_Cell_Cart
bohr
3.0 0.0 0.0
1.0 4.0 0.0
0.0 0.0 12.0
End Unit_Cell_Cart

begin atoms_frac
Bi 0.5 0.25 0.125   ! inline
Te1 0.0d0 0.0 0.0
end atoms_frac

begin projections
Bi:s;p
end projections

begin kpoints
0.0 0.0 0.0
0.5 0.0 0.0 1.0
end kpoints
"""

NNKP_TEXT = """\
File written on a day

calc_only_A  :  F

begin real_lattice
   3.0000000   0.0000000   0.0000000
   1.0000000   4.0000000   0.0000000
   0.0000000   0.0000000  12.0000000
end real_lattice

begin recip_lattice
   2.0943951  -0.5235988   0.0000000
   0.0000000   1.5707963   0.0000000
   0.0000000   0.0000000   0.5235988
end recip_lattice

begin kpoints
     2
    0.00000000    0.00000000    0.00000000
    0.50000000    0.00000000    0.00000000
end kpoints

begin projections
     2
   0.10000    0.20000    0.30000     0  1  1
    0.0000000  0.0000000  1.0000000   1.0000000  0.0000000  0.0000000    1.00
   0.10000    0.20000    0.30000    -3  4  2
    0.0000000  1.0000000  0.0000000   1.0000000  0.0000000  0.0000000    2.50
end projections

begin nnkpts
   2
     1     2      0   0   0
     1     2     -1   0   0
     2     1      0   0   0
     2     1      1   0   0
end nnkpts

begin exclude_bands
  2
   1
   5
end exclude_bands
"""

WOUT_TEXT = """\
             |      Release: 3.1.0        5th March    2020      |

                              Lattice Vectors (Ang)
                    a_1     3.000000   0.000000   0.000000
                    a_2     1.000000   4.000000   0.000000
                    a_3     0.000000   0.000000  12.000000

 Initial State
  WF centre and spread    1  (  9.000000,  9.000000,  9.000000 )     9.00000000
 Final State
  WF centre and spread    1  (  0.125000,  0.250000,  0.500000 )     1.50000000
  WF centre and spread    2  (  1.000000, -2.000000,  3.000000 )     2.50000000
  Sum of centres and spreads (  1.125000, -1.750000,  3.500000 )     4.00000000
"""
