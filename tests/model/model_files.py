"""Wannier90's files as plain lists of numbers, and small sets of them written from arrays."""

import lzma
import struct
from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[2] / "data" / "bi-monolayer"
MESH = (7, 7, 1)
CELL_CA = np.diag([4.53, 4.82, 17.0])
E_FERMI = 1.42245  # eV, mid-gap
FROZEN = 3.02245  # eV, top of the frozen window


def words(suffix):
    """Lines of a file of the data set, split."""
    path = next(DATA.glob(f"bi{suffix}*"))
    data = path.read_bytes()
    text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode()
    return [line.split() for line in text.splitlines()]


def hr_lattice():
    """Lattice vectors and degeneracies of the _hr.dat, in its order."""
    lines = words("_hr.dat")
    n_wann, n_R = int(lines[1][0]), int(lines[2][0])
    rows = 3 + -(-n_R // 15)
    degeneracy = [int(word) for line in lines[3:rows] for word in line]
    R = [tuple(map(int, line[:3])) for line in lines[rows :: n_wann**2]]
    return R, degeneracy


def wsvec_images():
    """Every (R, i, j, R + T) of the _wsvec.dat."""
    lines = words("_wsvec.dat")[1:]
    images, row = set(), 0
    while row < len(lines):
        *R, i, j = map(int, lines[row])
        count = int(lines[row + 1][0])
        for shift in lines[row + 2 : row + 2 + count]:
            moved = tuple(r + int(t) for r, t in zip(R, shift, strict=True))
            images.add((tuple(R), i - 1, j - 1, moved))
        row += 2 + count
    return images


def at_k(op_Rx, R_Rc, kpt_c):
    """O(k) by the sum over R, one after the other."""
    return sum(
        np.exp(2j * np.pi * np.dot(kpt_c, R_c)) * op_x
        for R_c, op_x in zip(R_Rc, op_Rx, strict=True)
    )


def mapped(model, operator):
    """Matrices of a model by lattice vector."""
    return {tuple(R_c): op for R_c, op in zip(model.R_Rc.tolist(), operator, strict=True)}


def furthest(one, other):
    """Largest element by which two maps of matrices differ; what one lacks counts as zero."""
    return max(
        np.abs(one.get(R, 0.0) - np.asarray(other.get(R, 0.0))).max() for R in {*one, *other}
    )


WIN = """\
num_wann = {n}
spinors = .true.
mp_grid = {mesh}
begin unit_cell_cart
ang
{cell}
end unit_cell_cart
"""


def write_win(seed, n_wann, mesh, cell_ca):
    cell = "\n".join(" ".join(map(str, row)) for row in np.asarray(cell_ca).tolist())
    mesh = " ".join(map(str, mesh))
    Path(f"{seed}.win").write_text(WIN.format(n=n_wann, mesh=mesh, cell=cell))


def write_hr(seed, R_Rc, degeneracy_R, ham_Rij):
    n_wann = ham_Rij.shape[-1]
    text = f" written on a day\n{n_wann:12d}\n{len(R_Rc):12d}\n"
    for start in range(0, len(R_Rc), 15):
        text += "".join(f"{d:5d}" for d in degeneracy_R[start : start + 15]) + "\n"
    for R, R_c in enumerate(R_Rc):
        for j in range(n_wann):
            for i in range(n_wann):
                h = ham_Rij[R, i, j]
                text += "".join(f"{x:5d}" for x in (*R_c, i + 1, j + 1))
                text += f"{h.real:12.6f}{h.imag:12.6f}\n"
    Path(f"{seed}_hr.dat").write_text(text)


def write_centres(seed, centres_ia, atoms=()):
    rows = [("X", centre_a) for centre_a in centres_ia] + list(atoms)
    text = f"{len(rows):6d}\n Wannier centres, written by Wannier90 on a day\n"
    text += "".join(
        f"{name:2s}   " + "".join(f"{x:17.8f}" for x in place_a) + "\n" for name, place_a in rows
    )
    Path(f"{seed}_centres.xyz").write_text(text)


def write_tb(seed, cell_ca, R_Rc, degeneracy_R, ham_Rij, pos_Raij):
    n_wann = ham_Rij.shape[-1]
    text = " written on a day\n"
    text += "".join("".join(f"{x:21.13f}" for x in row) + "\n" for row in cell_ca)
    text += f"{n_wann:12d}\n{len(R_Rc):12d}\n"
    for start in range(0, len(R_Rc), 15):
        text += "".join(f"{d:5d}" for d in degeneracy_R[start : start + 15]) + "\n"
    for op_Rxij in (ham_Rij[:, None], pos_Raij):
        for R_c, op_xij in zip(R_Rc, op_Rxij, strict=True):
            text += "\n" + "".join(f"{x:5d}" for x in R_c) + "\n"
            for j in range(n_wann):
                for i in range(n_wann):
                    text += f"{i + 1:5d}{j + 1:5d}   "
                    text += "".join(f"{v.real:16.8E}{v.imag:16.8E}" for v in op_xij[:, i, j])
                    text += "\n"
    Path(f"{seed}_tb.dat").write_text(text)


def read_records(suffix):
    """Records of one of the unformatted files."""
    data = lzma.decompress(next(DATA.glob(f"bi{suffix}*")).read_bytes())
    records, place = [], 0
    while place < len(data):
        (size,) = struct.unpack_from("<i", data, place)
        records.append(data[place + 4 : place + 4 + size])
        place += size + 8
    return records


def write_records(path, records):
    marked = ((struct.pack("<i", len(record)), record) for record in records)
    path.write_bytes(b"".join(mark + record + mark for mark, record in marked))
