"""Files of one seedname: found, read once, remembered."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from w90spin.errors import FileMissingError
from w90spin.read import COMPRESSIONS, NnkpFile, WinFile, find_file, read_nnkp, read_win

WRITERS = {
    "_tb.dat": "wannier90.x writes it with write_tb = .true. in the .win.",
    "_hr.dat": "wannier90.x writes it with write_hr = .true. in the .win.",
    "_r.dat": "wannier90.x writes it with write_rmn = .true. in the .win.",
    "_centres.xyz": "wannier90.x writes it with write_xyz = .true. in the .win.",
    ".chk": "wannier90.x writes it in every run; keep it. Without it .spn, .mmn and .eig are of "
    "no use.",
    ".eig": "pw2wannier90.x and VASP (LWANNIER90 = .TRUE.) write it; keep it.",
    ".mmn": "pw2wannier90.x writes it with write_mmn = .true., VASP with LWANNIER90 = .TRUE.",
    ".amn": "pw2wannier90.x writes it with write_amn = .true., VASP with LWANNIER90 = .TRUE.",
    ".spn": "pw2wannier90.x writes it with write_spn = .true., VASP 6.5 with LWRITE_SPN = .TRUE.; "
    "run it again.",
}
"""What writes the files that a model may need."""

FORMATTED = {".chk": ".chk.fmt", ".spn": ".spn.fmt"}
"""Endings that Wannier90's converters give to text, taken where the unformatted file is not."""

ENDINGS = (
    *("_tb.dat", "_hr.dat", "_r.dat", "_wsvec.dat", "_centres.xyz", "_spin_R.npz"),
    *(".chk.fmt", ".chk", ".spn.fmt", ".spn", ".eig", ".mmn", ".amn", ".win", ".nnkp", ".wout"),
    *(".sHu", ".sIu", ".uHu", ".uIu"),
)
"""What may follow a seedname."""


@dataclass(eq=False)
class FilesOfSeed:
    """Files of one seedname; remembers which were used.

    Parameters
    ----------
    seedname : Path
        Folder and seedname.
    used : dict of str to Path
        Files that went into the model, by name.
    ending : str
        Ending of the one file that the user named; empty where it was the seedname.
    """

    seedname: Path
    used: dict[str, Path] = field(default_factory=dict)
    ending: str = ""
    _named: Path | None = None
    _win: WinFile | None = None
    _nnkp: NnkpFile | None = None

    @classmethod
    def named(cls, name: str | Path) -> FilesOfSeed:
        """Files of a seedname, or of the one that a file belongs to.

        Parameters
        ----------
        name : path
            Folder and seedname, or one of its files: with its ending, with or without that of its
            compression.  The file itself is then taken, where there are several forms of it.

        Examples
        --------
        >>> FilesOfSeed.named("data/bi_tb.dat.xz").seedname.name
        'bi'
        >>> FilesOfSeed.named("data/bi").ending
        ''
        """
        path = Path(name)
        bare = path.with_suffix("") if path.suffix in COMPRESSIONS else path
        for ending in ENDINGS:
            if bare.name.endswith(ending) and bare.name != ending:
                seedname = bare.with_name(bare.name.removesuffix(ending))
                return cls(seedname, ending=ending, _named=path if os.path.isfile(path) else None)
        return cls(path)

    def find(self, suffix: str) -> Path | None:
        """Path of a file, plain or compressed, without using it; None if it is not there."""
        formatted = FORMATTED.get(suffix, suffix)
        if self._named is not None and self.ending in (suffix, formatted):
            return self._named
        return find_file(self.seedname, suffix) or find_file(self.seedname, formatted)

    def optional(self, suffix: str) -> Path | None:
        """Path of a file that is used if it is there."""
        path = self.find(suffix)
        if path is not None:
            self.used[path.name] = path
        return path

    def take(self, suffix: str, remedy: str | None = None) -> Path:
        """Path of a file that is needed.

        Parameters
        ----------
        suffix : str
            What follows the seedname.
        remedy : str, optional
            What writes the file, where :data:`WRITERS` does not say it.

        Returns
        -------
        Path

        Raises
        ------
        FileMissingError
            If it is not there.
        """
        path = self.optional(suffix)
        if path is None:
            raise FileMissingError(
                Path(f"{self.seedname}{suffix}"),
                "",
                "the file is not there.",
                WRITERS[suffix] if remedy is None else remedy,
            )
        return path

    def win(self) -> WinFile | None:
        """Content of the .win, if there is one."""
        if self._win is None and (path := self.optional(".win")) is not None:
            self._win = read_win(path)
        return self._win

    def nnkp(self) -> NnkpFile | None:
        """Content of the .nnkp, if there is one."""
        if self._nnkp is None and (path := self.optional(".nnkp")) is not None:
            self._nnkp = read_nnkp(path)
        return self._nnkp

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file that was used, by name."""
        digests = {}
        for name, path in sorted(self.used.items()):
            with path.open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return digests
