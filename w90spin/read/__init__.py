"""One file format a file: Wannier90 files as raw frozen dataclasses, checked for form; no physics.

Every reader takes plain, ``.gz``, ``.bz2`` or ``.xz`` files and returns what the file says, in
eV and Å, with the axes in their order of use.  A file that is cut short, edited, overflowed or
not what it should be is refused with an :class:`~w90spin.errors.InputFileError` that names the
line or record.  What two files say about each other is for their caller to compare.  A ``write_``
function of the same name takes what its reader returns.
"""

from w90spin.read.amn import AmnFile, read_amn, write_amn
from w90spin.read.centres import CentresFile, read_centres
from w90spin.read.checks import hermiticity_violation
from w90spin.read.chk import ChkFile, read_chk
from w90spin.read.eig import EigFile, read_eig, write_eig
from w90spin.read.hr import HrFile, read_hr, write_hr
from w90spin.read.mmn import MmnFile, read_mmn, write_mmn
from w90spin.read.nnkp import NnkpFile, Projection, read_nnkp
from w90spin.read.projections import win_projections
from w90spin.read.rmn import RmnFile, read_rmn
from w90spin.read.spin_r import SpinRFile, read_spin_r
from w90spin.read.spn import SpnFile, read_spn, write_spn
from w90spin.read.tb import TbFile, read_tb, write_tb
from w90spin.read.text import COMPRESSIONS, find_file
from w90spin.read.uxu import SxuFile, UxuFile, read_sxu, read_uxu
from w90spin.read.win import WinFile, read_win
from w90spin.read.wout import WoutFile, read_wout
from w90spin.read.wsvec import WsvecFile, read_wsvec

__all__ = [
    "COMPRESSIONS",
    "AmnFile",
    "CentresFile",
    "ChkFile",
    "EigFile",
    "HrFile",
    "MmnFile",
    "NnkpFile",
    "Projection",
    "RmnFile",
    "SpinRFile",
    "SpnFile",
    "SxuFile",
    "TbFile",
    "UxuFile",
    "WinFile",
    "WoutFile",
    "WsvecFile",
    "find_file",
    "hermiticity_violation",
    "read_amn",
    "read_centres",
    "read_chk",
    "read_eig",
    "read_hr",
    "read_mmn",
    "read_nnkp",
    "read_rmn",
    "read_spin_r",
    "read_spn",
    "read_sxu",
    "read_tb",
    "read_uxu",
    "read_win",
    "read_wout",
    "read_wsvec",
    "win_projections",
    "write_amn",
    "write_eig",
    "write_hr",
    "write_mmn",
    "write_spn",
    "write_tb",
]
