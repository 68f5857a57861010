#!/usr/bin/env python3
"""Measures our layers and the peers' in turn: A B A B …, in the same run, on the same graph files.

    benches/peers/compare.py PEERS [--layers GATConv,…] [--rounds 7] > results.jsonl

PEERS is the folder of install.sh; ours must have been built (cargo build --release -p candle-geometric-benches
--features mimalloc). Two workers at a time, each a process with one workload in it, repeat it when told to; between
blocks of about 0.3 s the driver waits until nothing else runs. A line of JSON per pair; report.py makes tables of them.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from floor import floor_ms, sizes
from plan import PLAN, parties

BLOCK_MS = 300
QUIET = 0.08  # other processes' share of all cores up to which a block counts


def busy_seconds():
    """CPU time that everything on this machine took since it started."""
    with open("/proc/stat") as file:
        ticks = [int(t) for t in file.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


class Worker:
    def __init__(self, party, arguments):
        environment = os.environ | party.environment
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process = subprocess.Popen(party.command + arguments, env=environment, **pipes)
        self.about = self.answer()
        self.wall, self.cpu, self.disturbed, self.peak = [], [], [], None
        self.order(3)  # the first repetitions find their memory unmapped
        self.repetitions = max(1, round(BLOCK_MS / min(self.order(2)["wall_ms"])))

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with {self.process.wait()}")
        return json.loads(line)

    def order(self, count):
        self.process.stdin.write(f"run {count}\n")
        self.process.stdin.flush()
        return self.answer()

    def block(self, patience):
        """A block of repetitions; once more while others disturb it and patience lasts. Gives its median."""
        deadline = time.monotonic() + patience
        while True:
            wait_until_quiet(deadline)
            busy, begin = busy_seconds(), time.monotonic()
            times = self.order(self.repetitions)
            cores = os.cpu_count() * (time.monotonic() - begin)
            others = (busy_seconds() - busy - sum(times["cpu_ms"]) / 1e3) / cores
            if others < QUIET or time.monotonic() > deadline:
                break
        self.wall += times["wall_ms"]
        self.cpu += times["cpu_ms"]
        self.disturbed.append(max(0, round(others, 3)))
        self.peak = times["peak_mb"]
        return statistics.median(times["wall_ms"])

    def summary(self):
        return dict(
            ms=statistics.median(self.wall), cpu_ms=statistics.median(self.cpu), peak_mb=self.peak,
            repetitions=len(self.wall), disturbed=statistics.mean(self.disturbed), version=self.about["ready"],
        )

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def wait_until_quiet(deadline):
    while time.monotonic() < deadline:
        busy, begin = busy_seconds(), time.monotonic()
        time.sleep(0.2)
        if busy_seconds() - busy < QUIET * os.cpu_count() * (time.monotonic() - begin):
            return


def pair(ours, other, arguments, rounds, patience):
    """Both in turn; the ratio of a round is the other's median over ours."""
    workers = []
    try:
        for party in (ours, other):
            workers.append(Worker(party, arguments))
        medians = [[w.block(patience) for w in workers] for _ in range(rounds)]
        mine, theirs = (w.summary() for w in workers)
    finally:
        for worker in workers:
            worker.stop()
    ratios = [b / a for a, b in medians]
    return dict(ours=mine, other=theirs, ratio=statistics.median(ratios), ratios=[min(ratios), max(ratios)])


def machine(args, layer, case):
    """What the machine does with the bytes and flops of this layer, now."""
    command = [os.path.join(args.ours, "machine"), "--graphs", args.graphs, "--case", case["name"]]
    parts = sizes(layer, case)
    if not parts:
        return None
    command += ["--rows", ",".join(str(w) for w in {width for *_, width in parts})]
    for _, features, _, width in parts:
        command += ["--matmul", f"{case['nodes']},{features},{width}"]
    limits = {name: str(args.threads) for name in ("RAYON_NUM_THREADS", "CANDLE_NUM_THREADS")}
    wait_until_quiet(time.monotonic() + args.patience)
    return json.loads(subprocess.run(command, env=os.environ | limits, check=True, capture_output=True).stdout)


def read_case(args, name):
    """The sizes of a graph file, from its header."""
    with open(os.path.join(args.graphs, f"{name}.safetensors"), "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    numbers = {k: int(v) for k, v in header["__metadata__"].items()}
    return dict(
        name=name, nodes=numbers["num_nodes"], edges=header["edge_index"]["shape"][1],
        features=numbers["in_features"], heads=numbers["heads"], channels=numbers["channels"],
    )


def about_machine(args):
    def lines(path):
        with open(path) as file:
            return file.read().splitlines()

    models = [line.split(":")[1].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = int(lines("/proc/meminfo")[0].split()[1]) / 2**20
    return dict(
        cpu=models[0] if models else platform.machine(), cores=os.cpu_count(), threads=args.threads,
        memory_gb=round(memory), system=f"Linux {platform.release()}", date=time.strftime("%Y-%m-%d"),
        rounds=args.rounds, patience=args.patience,
    )


def measure(args, layer):
    case_name, modes, (ours, *others) = parties(layer, args.peers, args.ours, args.threads)
    case, name = read_case(args, case_name), layer.partition("@")[0]
    for mode in modes:
        arguments = ["--graphs", args.graphs, "--case", case_name, "--layer", name, "--mode", mode]
        rates = machine(args, name, case)
        floor = rates and floor_ms(rates, name, mode, case)
        emit(dict(row=layer, mode=mode, case=case, floor_ms=floor, rates=rates))
        for other in others:
            if args.only and other.who not in args.only:
                continue
            label = f"{layer} {mode}: ours beside {other.who} ({other.how})"
            try:
                result = pair(ours, other, arguments, args.rounds, args.patience)
            except RuntimeError as error:
                print(f"{label}: left out: {error}", file=sys.stderr)
                continue
            print(f"{label}: {result['ours']['ms']:.1f} {result['other']['ms']:.1f} ms", file=sys.stderr)
            emit(dict(pair=layer, mode=mode, who=other.who, how=other.how, **result))


def emit(value):
    print(json.dumps(value), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", help="the folder of install.sh")
    parser.add_argument("--ours", default="target/release", help="the folder of our programs")
    parser.add_argument("--graphs", default="target/peers/graphs", help="the folder of graphs.py")
    parser.add_argument("--layers", default=",".join(PLAN))
    parser.add_argument("--only", type=lambda s: s.split(","), help="of ours, PyG, DGL, those to measure beside ours")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--patience", type=float, default=10, help="seconds to wait for a quiet machine, per block")
    args = parser.parse_args()
    emit(dict(about=about_machine(args)))
    for layer in args.layers.split(","):
        measure(args, layer)


main()
