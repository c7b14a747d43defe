"""Every exception and warning that w90spin raises on purpose.

A message says what is wrong (with the value), why it matters, and what to do.  The command line
prints it without a traceback and leaves with exit code 2.
"""

from __future__ import annotations

from pathlib import Path


class W90SpinError(Exception):
    """Root of the package's own exceptions."""


class InputFileError(W90SpinError):
    """A file that cannot be used as it is.

    Parameters
    ----------
    path : path
        The file.
    where : str
        Place in the file: ``"line 12"``, ``"record 5"``, ``"R = (0, 0, 1)"``; empty for the whole.
    problem : str
        What was expected and what was found.
    remedy : str
        What to do about it.
    """

    def __init__(self, path: Path | str, where: str, problem: str, remedy: str) -> None:
        self.path = Path(path)
        self.where = where
        self.problem = problem
        self.remedy = remedy
        place = f"{path}, {where}" if where else f"{path}"
        super().__init__(f"{place}: {problem} {remedy}".strip())

    def __reduce__(self) -> tuple[type[InputFileError], tuple[Path, str, str, str]]:
        """From rank to rank an exception travels as what made it."""
        return type(self), (self.path, self.where, self.problem, self.remedy)


class FileMissingError(InputFileError):
    """A file that is not there or may not be read."""


class FileFormatError(InputFileError):
    """Text or records that do not follow the format."""


class FileValueError(InputFileError):
    """Well-formed numbers that cannot be true: NaN, non-Hermitian, duplicate R."""


class InconsistentFilesError(W90SpinError):
    """Two files of one seedname that cannot belong together."""


class ModelError(W90SpinError):
    """Arrays that do not make a Wannier model."""


class MissingOperatorError(ModelError):
    """A response needs an operator that the model does not carry."""


class SpinOrderError(ModelError):
    """The order of the spin components of the Wannier functions is unknown or contradictory."""


class PartitionError(ModelError):
    """A partition that does not sum to one or names what is not there."""


class ResponseError(W90SpinError):
    """A response was asked for something that it cannot give."""


class NotInsulatorError(ResponseError):
    """A Fermi level crosses a band although an insulator was promised."""


class ResonanceError(ResponseError):
    """A frequency reaches a transition energy and no broadening was given."""


class IntegrationError(W90SpinError):
    """The integral could not be done: NaN in an integrand, no convergence where it is required."""


class InterruptedRunError(W90SpinError):
    """A run was told to end; what it has done is in its checkpoint."""


class ParallelError(W90SpinError):
    """Ranks that cannot work together."""


class JobError(W90SpinError):
    """A job file or command line that cannot be carried out."""


class ResultFileError(W90SpinError):
    """A result file that cannot be written or read."""


class W90SpinWarning(UserWarning):
    """A result that may need a second look."""


class DoubtfulResultWarning(W90SpinWarning):
    """A result whose definition does not quite apply, or depends on what it should not."""
