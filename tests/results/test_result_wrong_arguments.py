"""Arguments that cannot be end in an error of the package that names them."""

import pytest

import w90spin as ws
from w90spin.errors import JobError, ModelError, PartitionError, ResponseError, ResultFileError

HALL = ws.SpinHall(mu_f=0.0)


@pytest.fixture(scope="module")
def model():
    return ws.toys.kane_mele()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: ws.compute(m, "spin_hall"), ResponseError, "a list of at least one"),
        (lambda m: ws.compute(m, [ws.SpinHall]), ResponseError, "SpinHall is no response"),
        (lambda m: ws.compute("bi", [HALL]), ModelError, "needs a model, not 'bi'"),
        (lambda m: ws.fermi_surface(m, mu="a"), JobError, "mu = 'a' must be a number"),
        (lambda m: ws.zone_map(m, HALL, n=2.5), JobError, r"n = 2\.5 points"),
        (lambda m: ws.zone_map(m, HALL, offset="a"), JobError, "offset = 'a'"),
        (lambda m: ws.symmetrised(ws.toys.rashba_kp()), ModelError, "not a ContinuumModel"),
        (lambda m: ws.save_model(ws.toys.rashba_kp(), "x.w90.h5"), ModelError, "lattice form"),
        (lambda m: ws.toys.bi2se3(exchange=0.1), ModelError, "exchange = 0.1 must be three"),
        (lambda m: ws.SpinHall(mu_f="a"), ResponseError, "mu_f = 'a' must be"),
        (lambda m: ws.SpinHall(mu_f=True), ResponseError, "mu_f = True must be"),
        (lambda m: ws.SpinHall(mu_f=0.0, insulator="no"), ResponseError, "insulator = 'no'"),
        (lambda m: ws.SpinHall(mu_f=0.0, eta="x"), ResponseError, "eta = 'x' must be one"),
    ],
)
def test_what_cannot_be(model, call, error, words):
    with pytest.raises(error, match=words):
        call(model)


def test_parts_of_another_model(model):
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    with pytest.raises(PartitionError, match="4 Wannier functions, the model has 6"):
        ws.compute(ws.toys.flat_band(), [ws.Edelstein(mu_f=0.0, kT=0.1, parts=parts)])


def test_several_responses_are_told_apart(model):
    result = ws.compute(model, [HALL, ws.SpinMoment(mu_f=0.0)], mesh=ws.UniformMesh(n=3))
    with pytest.raises(ResultFileError, match="spin_hall, spin_moment; name one"):
        result.to_xarray()
    with pytest.raises(ResultFileError, match="'foo' is not one of"):
        result.to_xarray("foo")
