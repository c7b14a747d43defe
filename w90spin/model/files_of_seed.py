"""Files of one seedname: found, read once, remembered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from w90spin.errors import FileMissingError
from w90spin.read import NnkpFile, WinFile, find_file, read_nnkp, read_win

WRITERS = {
    "_tb.dat": "wannier90.x writes it with write_tb = .true. in the .win.",
    "_hr.dat": "wannier90.x writes it with write_hr = .true. in the .win.",
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


@dataclass(eq=False)
class FilesOfSeed:
    """Files of one seedname; remembers which were used.

    Parameters
    ----------
    seedname : Path
        Folder and seedname.
    used : dict of str to Path
        Files that went into the model, by name.
    """

    seedname: Path
    used: dict[str, Path] = field(default_factory=dict)
    _win: WinFile | None = None
    _nnkp: NnkpFile | None = None

    def find(self, suffix: str) -> Path | None:
        """Path of a file, plain or compressed, without using it; None if it is not there."""
        return find_file(self.seedname, suffix)

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
