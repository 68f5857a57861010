"""The worker's side of compare.py, for the peers: the same protocol as `layers` in Rust.

A worker makes one workload, prints a line of JSON when it is ready, and answers each line `run N` with the times of N
repetitions and the peak memory over the inputs so far.
"""
import argparse
import gc
import json
import os
import sys
import time

from safetensors import safe_open


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--graphs", required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--layer", required=True)
    parser.add_argument("--mode", required=True, choices=["fwd", "fb", "step"])
    parser.add_argument("--variant", required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


class Case:
    """A file of graphs.py."""

    def __init__(self, args):
        self.path = os.path.join(args.graphs, f"{args.case}.safetensors")
        with safe_open(self.path, "pt") as file:
            numbers = {k: int(v) for k, v in file.metadata().items()}
        self.nodes, self.features = numbers["num_nodes"], numbers["in_features"]
        self.heads, self.channels = numbers["heads"], numbers["channels"]

    def edges(self, self_loops):
        """[2, E], as data sets have it, or sorted by destination with self-loops."""
        with safe_open(self.path, "pt") as file:
            return file.get_tensor("edge_index_sl" if self_loops else "edge_index").clone()


def repetition(torch, mode, module, forward, x):
    """One repetition as a function: the module is put in the right mode, dropout is whatever the module has."""
    parameters = list(module.parameters())
    if mode == "fwd":
        module.eval()

        def run():
            with torch.no_grad():
                forward(x)

        return run
    module.train()
    x.requires_grad_(True)
    state = {}

    def run():
        for tensor in (x, *parameters):
            tensor.grad = None
        out = forward(x)
        if "gradient" not in state:
            state["gradient"] = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
        out.backward(state["gradient"])

    return run


def megabytes(key):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return float("nan")


def serve(run, version):
    gc.collect()
    base = megabytes("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    answer(dict(ready=version, base_mb=base))
    for line in sys.stdin:
        wall, cpu = [], []
        for _ in range(int(line.removeprefix("run "))):
            begin, spent = time.perf_counter(), time.process_time()
            run()
            wall.append(1e3 * (time.perf_counter() - begin))
            cpu.append(1e3 * (time.process_time() - spent))
        answer(dict(wall_ms=wall, cpu_ms=cpu, peak_mb=megabytes("VmHWM") - base))


def answer(value):
    print(json.dumps(value), flush=True)
