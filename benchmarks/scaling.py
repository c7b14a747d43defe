"""How a job spreads over ranks: measured on one and two, simulated from 1 to 4096.

Measures the time of every task of two real jobs on one rank (a mesh in two dimensions, iterated
integrals in three) and what a message costs the leader.  A simulation of the queue in
``w90spin.integrate.crew``, event by event, then says how long the jobs take on any number of ranks.
It is checked against runs on one and two ranks.  Where other programs use the cores, look at the
share of the time that two ranks were at work rather than at their wall time.

    python benchmarks/scaling.py --output scaling
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
SEEDNAME = Path(__file__).parents[1] / "data" / "bi-monolayer" / "bi"
MID_GAP = 1.42245  # eV
THZ = 4.135667696e-3  # eV
RANKS = [2**power for power in range(13)]
LATENCY = 2e-6  # seconds; an InfiniBand network, for ranks on other nodes


@dataclass
class TimedRound:
    """What one round of a job costs.

    Parameters
    ----------
    task_seconds : list of float
        Of every task, in order.
    between_seconds : float
        What the leader does alone before the next round.
    """

    task_seconds: list[float]
    between_seconds: float


def job(name: str):
    """Model, responses and rule."""
    import numpy as np

    import w90spin as ws

    if name == "2D mesh":
        response = ws.SpinPolarizability(omega_w=np.linspace(1, 60, 50) * THZ, mu_f=MID_GAP)
        return ws.load_model(SEEDNAME), [response], ws.UniformMesh(n=(240, 240, 1))
    response = ws.SpinPolarizability(omega_w=[0.0, 0.1], mu_f=0.0, kT=0.2, eta=0.2)
    rule = ws.Iterated(rtol=0.2, max_points=2_000_000)
    return ws.toys.random_model(2, 3, seed=5), [response], rule


def run(name: str, seconds: list[TimedRound] | None = None) -> float:
    """Wall time of the integral; on one rank also that of its tasks, into ``seconds``."""
    import w90spin as ws
    from w90spin.integrate.crew import Crew

    warnings.simplefilter("ignore")
    model, responses, rule = job(name)
    original = Crew.run

    def timed(self, tasks, first=0, pulse=None):
        rows: list[float] = []
        began = time.perf_counter()
        if seconds:
            seconds[-1].between_seconds = began - timed.ended
        for answer in original(self, tasks, first, pulse):
            rows.append(time.perf_counter() - began)
            yield answer
            began = time.perf_counter()
        seconds.append(TimedRound(rows, 0.0))
        timed.ended = time.perf_counter()

    if seconds is not None:
        Crew.run = timed
    try:
        result = ws.compute(model, responses, mesh=rule, symmetry="none")
    finally:
        Crew.run = original
    return result.provenance["seconds"]


def at_work(name: str) -> tuple[float, float]:
    """Wall time of the integral, and the share of it that the ranks spent on tasks."""
    from w90spin.integrate.crew import Crew
    from w90spin.parallel import world

    busy = [0.0]
    original = Crew.__init__

    def timed(self, comm, work):
        def worked(task, pulse):
            began = time.perf_counter()
            try:
                return work(task, pulse)
            finally:
                busy[0] += time.perf_counter() - began

        original(self, comm, worked)

    Crew.__init__ = timed
    seconds = run(name)
    everyone = world().allgather(busy[0])
    return seconds, sum(everyone) / (len(everyone) * seconds)


def larger(rounds: list[TimedRound], n: int, batch: int) -> list[TimedRound]:
    """The same job on a mesh of n × n points: measured tasks drawn by lot, scaled to its blocks."""
    import random

    from w90spin.integrate.mesh import Mesh

    chance = random.Random(0)
    last = rounds[-1].task_seconds
    blocks = Mesh((n, n, 1), (0.0, 0.0, 0.0), 1, (2, 3)).blocks(batch)
    n_segments = blocks[-1].stop
    per_point = sum(last) / 240**2
    mean = sum(last) / len(last)
    points = [(block.stop - block.start) * n**2 / n_segments for block in blocks]
    return [TimedRound([per_point * p * chance.choice(last) / mean for p in points], 0.0)]


def leader_costs() -> dict[str, float]:
    """Seconds of rank 0 for one task sent and one answer taken in, between two ranks."""
    import numpy as np
    from mpi4py import MPI

    from w90spin.integrate.integrand import BATCH_BYTES
    from w90spin.integrate.mesh import Mesh, MeshBlock
    from w90spin.integrate.periodic import SumOverBlock
    from w90spin.integrate.rounds import Answer
    from w90spin.kspace.fourier import FourierSum
    from w90spin.parallel import Comm

    n = 2000
    mail = Comm(MPI.COMM_WORLD).mailbox()
    task = SumOverBlock(MeshBlock(Mesh((240, 240, 1), (0.0, 0.0, 0.0), 1, (2, 3)), 30, 0, 8))
    answer = Answer(np.zeros((3, 3 * 9 * 50)), 240, 240.0, (None,), np.zeros(3))
    if MPI.COMM_WORLD.rank:
        got = 0
        while got < n:
            for _ in mail.arrived():
                mail.send(0, (1, got, answer))
                got += 1
        mail.close()
        return {}
    busy, sent, back = 0.0, 0, 0
    while back < n:
        began = time.perf_counter()
        worked = False
        while sent < min(n, back + 8):
            mail.send(1, (1, sent, task))
            sent += 1
            worked = True
        arrived = mail.arrived()
        back += len(arrived)
        if arrived or worked:
            busy += time.perf_counter() - began
    mail.close()
    batch = BATCH_BYTES // FourierSum(job("2D mesh")[0]).bytes_per_point
    return {
        "message": busy / n,
        "task bytes": len(pickle.dumps((1, 0, task))),
        "batch": batch,
    }


def simulate(rounds: list[TimedRound], n_ranks: int, message: float) -> float:
    """Wall time on so many ranks, each on a core of its own.

    The leader is busy for ``message`` with every task that it sends and whose answer it takes in;
    if it computes too, it sees to messages between two of its own pieces of work only (a tenth of
    a task here).
    """
    from w90spin.integrate.crew import LEADER_ONLY_LEADS_FROM, NAP, ORDER_AHEAD, TASKS_AHEAD

    leader_works = n_ranks < LEADER_ONLY_LEADS_FROM
    now = 0.0
    for one in rounds:
        tasks = one.task_seconds
        n_tasks, window = len(tasks), ORDER_AHEAD * n_ranks
        given = due = 0
        done = [False] * n_tasks
        held = [0] * n_ranks
        free_at = [now] * n_ranks
        idle: list[tuple[int, int]] = [(0, rank) for rank in range(1, n_ranks)]
        heapq.heapify(idle)
        arrivals: list[tuple[float, int, int]] = []
        own: list[float] = []  # pieces that the leader still has to do of its own task
        own_index = -1
        while due < n_tasks:
            while arrivals and arrivals[0][0] <= now:
                _, rank, index = heapq.heappop(arrivals)
                now += message / 2
                done[index] = True
                held[rank] -= 1
                heapq.heappush(idle, (held[rank], rank))
            while given < min(n_tasks, due + window) and idle:
                ahead = TASKS_AHEAD if n_tasks - given >= n_ranks else 1
                count, rank = idle[0]
                if count != held[rank]:  # an entry that is out of date
                    heapq.heappop(idle)
                    continue
                if count >= ahead:
                    break
                heapq.heappop(idle)
                now += message / 2
                held[rank] += 1
                if held[rank] < TASKS_AHEAD:
                    heapq.heappush(idle, (held[rank], rank))
                free_at[rank] = max(free_at[rank], now + LATENCY) + tasks[given]
                heapq.heappush(arrivals, (free_at[rank] + LATENCY, rank, given))
                given += 1
            while due < n_tasks and done[due]:
                due += 1
            if own:
                now += own.pop()
                if not own:
                    done[own_index] = True
            elif leader_works and given < min(n_tasks, due + window):
                own_index, given = given, given + 1
                own = [tasks[own_index] / 10] * 10
            elif due < n_tasks:
                now = max(now, arrivals[0][0]) if arrivals else now
                now += NAP / 2 if n_ranks > 1 else 0.0
        now += one.between_seconds
    return now


def breaking_point(rounds: list[TimedRound], message: float) -> str:
    """What limits the job on many ranks."""
    work = sum(sum(one.task_seconds) for one in rounds)
    alone = sum(one.between_seconds for one in rounds)
    longest = sum(max(one.task_seconds) for one in rounds)
    n_tasks = sum(len(one.task_seconds) for one in rounds)
    return (
        f"{n_tasks} tasks in {len(rounds)} rounds, {work:.1f} s of work; no number of ranks is "
        f"faster than the longest tasks of all rounds ({longest:.2g} s), the leader's messages "
        f"({n_tasks * message:.2g} s), what it does between rounds ({alone:.2g} s)"
    )


def child(*command: str, n_ranks: int = 1) -> str:
    """Output of this script in processes of its own."""
    launcher = Path(sys.executable).parent / "mpirun"
    start = [] if n_ranks == 1 else [str(launcher), "-n", str(n_ranks)]
    settings = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_btl": "self,sm",
        "OMPI_MCA_osc": "^ucx",
        **ONE_THREAD,
    }
    return subprocess.run(
        [*start, sys.executable, __file__, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **settings},
    ).stdout


def draw(path: Path, efficiencies: dict[str, list[float]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.0, 3.5), layout="constrained")
    for name, row in efficiencies.items():
        axes.plot(RANKS, row, "o-", label=name)
    axes.set(xscale="log", ylim=(0.0, 1.05), xlabel="ranks", ylabel="parallel efficiency")
    axes.set_xticks(RANKS[::2], [str(n) for n in RANKS[::2]])
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="folder for the table and the figure")
    parser.add_argument("--repeat", type=int, default=2, help="runs of which the fastest counts")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        kind, name = options.part
        if kind == "tasks":
            rounds: list[TimedRound] = []
            seconds = run(name, rounds)
            print(json.dumps([seconds, [vars(one) for one in rounds]]))
        elif kind == "seconds":
            from w90spin.parallel import world

            measured = at_work(name)
            if world().is_root:
                print(json.dumps(measured))
        elif (costs := leader_costs()) != {}:
            print(json.dumps(costs))
        return

    load = os.getloadavg()[0]
    costs = json.loads(child("--part", "messages", "", n_ranks=2))
    lines = [
        f"load before the measurements {load:.2f}; a message costs the leader "
        f"{1e6 * costs['message']:.0f} µs, a task has {costs['task bytes']:.0f} bytes",
        "",
    ]
    efficiencies: dict[str, list[float]] = {}
    jobs: dict[str, list[TimedRound]] = {}
    for name in ("2D mesh", "3D iterated"):
        measured = [json.loads(child("--part", "tasks", name)) for _ in range(options.repeat)]
        serial, rows = min(measured)
        rounds = [TimedRound(**row) for row in rows]
        pair, share = min(
            json.loads(child("--part", "seconds", name, n_ranks=2)) for _ in range(options.repeat)
        )
        if name == "2D mesh":
            jobs["2D mesh, 1440×1440"] = larger(rounds, 1440, costs["batch"])
        jobs[name] = rounds
        one, two = (simulate(rounds, n, costs["message"]) for n in (1, 2))
        lines += [
            f"{name}, one rank: measured {serial:.2f} s, simulated {one:.2f} s; two ranks: "
            f"measured {pair:.2f} s ({serial / pair:.2f} times faster, at work for "
            f"{100 * share:.1f} % of the time), simulated {two:.2f} s ({one / two:.2f} times)",
            "",
        ]
    for name, rounds in jobs.items():
        predicted = {n: simulate(rounds, n, costs["message"]) for n in RANKS}
        efficiencies[name] = [predicted[1] / (n * predicted[n]) for n in RANKS]
        lines += [f"{name}: {breaking_point(rounds, costs['message'])}.", ""]
    lines += [
        "| ranks | " + " | ".join(map(str, RANKS)) + " |",
        "|---" * (len(RANKS) + 1) + "|",
    ]
    for name, row in efficiencies.items():
        lines.append(f"| {name} | " + " | ".join(f"{100 * value:.0f} %" for value in row) + " |")
    print("\n".join(lines))
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "scaling.md").write_text("\n".join(lines) + "\n")
        draw(options.output / "scaling.png", efficiencies)
    else:
        with tempfile.TemporaryDirectory() as folder:
            draw(Path(folder) / "scaling.png", efficiencies)


if __name__ == "__main__":
    main()
