"""`w90spin inspect` of every kind of file, and what it says is missing."""

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import pytest
from cli_jobs import DATA

import w90spin as ws
from w90spin import inspection
from w90spin.cli import main
from w90spin.model.files_of_seed import FilesOfSeed

WITH_SPIN = [
    "bands",
    "spin_polarizability",
    "spin_hall (current = 'simple')",
    "edelstein",
    "magnetic_spin_hall (current = 'simple')",
    "anomalous_hall",
    "spin_moment",
    "spin_geometry (current = 'simple')",
    "zeeman_geometry",
    "proper_spin_hall",
]


def inspect(capsys, code, *arguments):
    with pytest.raises(SystemExit) as leave:
        main(["inspect", *map(str, arguments)])
    assert (leave.value.code or 0) == code
    return capsys.readouterr()


@dataclass
class Current:
    """Spin current, of two kinds."""

    needs: ClassVar = MappingProxyType(
        {
            f"current = {current!r}": frozenset({"spin", current})
            for current in ("qiao2018", "ryoo2019")
        }
    )


@dataclass
class Bare:
    """Something of H and r alone."""

    needs: ClassVar = MappingProxyType({"": frozenset()})


@pytest.fixture
def more_responses(monkeypatch):
    more = {**inspection.RESPONSES, "current": Current, "bare": Bare}
    monkeypatch.setattr(inspection, "RESPONSES", more)


@pytest.mark.parametrize(
    ("ending", "options", "words"),
    [
        ("_hr.dat", (), "H and r from bi_hr.dat.xz, r diagonal from bi_centres.xyz"),
        ("_tb.dat.xz", (), "H and r from bi_tb.dat.xz"),
        (".chk", (), "H and r from bi.chk.xz, bi.eig and bi.mmn.xz"),
        (".amn", ("--window", "-inf", "2.5", "0.5"), "closest Wannier functions"),
        ("", ("--source", "hr", "--spin", "projections", "--spin-order", "block"), "pure spinors"),
    ],
)
def test_files_named_with_their_ending(capsys, ending, options, words):
    with pytest.MonkeyPatch.context() as patch:
        if "--spin-order" in options:
            patch.setattr("warnings.warn", lambda *_, **__: None)  # block is wrong, and said to be
        printed = inspect(capsys, 0, f"{DATA}/bi{ending}", *options)
    assert words in printed.out
    assert printed.out.rstrip().endswith(f"usable for: {', '.join(WITH_SPIN)}")


def test_a_model_file(capsys, bi_tb, tmp_path):
    path = ws.save_model(bi_tb, tmp_path / "bi.w90.h5")
    facts = json.loads(inspect(capsys, 0, path, "--json").out)
    assert facts["n_wann"] == 32
    assert facts["usable_for"] == WITH_SPIN
    assert "needs .chk, .eig, .mmn and .spn" in facts["not_in_the_model"]["ryoo2019"]


@pytest.mark.parametrize(
    ("present", "absent"),
    [
        (("_tb.dat", ".win"), ".spn and no .chk. .spn: pw2wannier90.x writes it"),
        (("_tb.dat", ".win", ".chk"), "no .spn. .spn: pw2wannier90.x writes it with write_spn ="),
        (("_tb.dat", ".win", ".spn"), "no .chk. .chk: wannier90.x writes it in every run"),
        (("_tb.dat", ".win", ".spn", ".amn"), "no .chk. .chk: wannier90.x writes it"),
    ],
)
def test_what_is_missing_for_the_spin(capsys, lay, present, absent):
    printed = inspect(capsys, 2, lay(*present))
    line, *_ = (line for line in printed.out.splitlines() if line.startswith("not usable for"))
    assert line.startswith("not usable for spin_polarizability, spin_hall (current = 'simple'), ")
    assert ": the spin operator is missing: " in line
    assert absent in line
    assert "VASP 6.5 with LWRITE_SPN" in line or ".spn:" not in line
    assert printed.out.rstrip().endswith("usable for: bands, anomalous_hall")


def test_what_is_missing_for_a_spin_current(lay, more_responses):
    seed = lay("_tb.dat", ".win", ".nnkp", ".chk", ".eig", ".spn")
    model = ws.load_model(seed)
    facts = ws.model_report(model, files=FilesOfSeed.named(seed)).facts
    assert facts["usable_for"] == [*WITH_SPIN, "bare"]
    for current in ("qiao2018", "ryoo2019"):
        why = facts["not_usable_for"][f"current (current = '{current}')"]
        assert why.startswith(f"the operators of the spin current {current} are missing: ")
        assert (
            "there is no .mmn. .mmn: pw2wannier90.x writes it with write_mmn = .true., VASP" in why
        )
        assert f"load_model(seedname, spin_current='{current}')" in why
        assert "spin operator" not in why
    lay(".mmn")
    facts = ws.model_report(model, files=FilesOfSeed.named(seed)).facts
    assert "its files are there" in facts["not_usable_for"]["current (current = 'ryoo2019')"]


def test_what_cannot_be_inspected(capsys, tmp_path):
    (tmp_path / "POSCAR").write_text("Bi\n")
    assert (
        "POSCAR: nothing that a model is made from" in inspect(capsys, 2, tmp_path / "POSCAR").err
    )
    assert "seedname(s) bi: give" in inspect(capsys, 2, DATA).err
