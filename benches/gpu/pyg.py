#!/usr/bin/env python3
"""The layers of PyTorch Geometric on the graphs of gpu/run.sh, eager and compiled, on the same card.

    benches/gpu/pyg.py DIR [--quick] [--device cuda]

Reads DIR/graphs/*.safetensors, which `gpu --graphs` wrote, and writes DIR/pyg.json. Times are medians by events of the device, memory is
what torch.cuda.max_memory_allocated says, over what lay there before. Wants torch, torch_geometric and safetensors.
"""
import argparse
import json
import pathlib
import statistics
import time
import warnings

warnings.filterwarnings("ignore")
import torch
from safetensors.torch import load_file
from torch_geometric.nn import GAT, GATConv, GATv2Conv, TransformerConv

LAYERS = {
    "GATConv": lambda d, h, c: GATConv(d, c, heads=h, add_self_loops=False),
    "GATv2Conv": lambda d, h, c: GATv2Conv(d, c, heads=h, add_self_loops=False),
    "TransformerConv": lambda d, h, c: TransformerConv(d, c, heads=h),
}
SHAPES = [(4, 16), (8, 8), (4, 32), (4, 64)]


def timed(f, device, repetitions):
    f()
    times = []
    for _ in range(repetitions):
        if device.type == "cuda":
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            f()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
        else:
            begin = time.perf_counter()
            f()
            times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def measure(f, device, repetitions):
    """Milliseconds and MB; nothing where the memory does not suffice."""
    try:
        if device.type == "cuda":
            torch.cuda.empty_cache()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
        ms = timed(f, device, repetitions)
        peak = (torch.cuda.max_memory_allocated() - before) / 1e6 if device.type == "cuda" else None
        return ms, peak
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    device, repetitions = torch.device(args.device), 2 if args.quick else 10
    rows, step_row = [], None

    def row(graph, what, way, shape, which, result):
        made = dict(graph=graph, what=f"{what} {way}", heads=shape[0], channels=shape[1], dtype="f32")
        made["pass"] = which
        made.update(ms=result[0], peak_mb=result[1], bytes=None)
        rows.append(made)
        print(made, flush=True)

    for name in ("1M", "products"):
        file = load_file(args.dir / "graphs" / f"{name}.safetensors")
        edges, nodes = file["edge_index"].to(device), int(file["num_nodes"])
        for heads, channels in SHAPES:
            width = heads * channels
            for what, make in LAYERS.items():
                for way in ("eager", "compiled"):
                    layer = make(width, heads, channels).to(device)
                    x, gradient = (torch.randn(nodes, width, device=device) for _ in range(2))
                    call = torch.compile(layer) if way == "compiled" else layer

                    def forward():
                        with torch.no_grad():
                            call(x, edges)

                    def both():
                        leaf = x.detach().requires_grad_()
                        call(leaf, edges).backward(gradient)

                    for which, f in (("fwd", forward), ("fb", both)):
                        row(name, what, way, (heads, channels), which, measure(f, device, repetitions))
        if name == "products":
            model = GAT(100, 256, 3, 47, dropout=0.5, act="elu", heads=4, add_self_loops=False).to(device)
            adam = torch.optim.Adam(model.parameters(), lr=0.001)
            x = torch.randn(nodes, 100, device=device)
            labels = torch.arange(nodes, device=device) % 47
            mask = torch.arange(nodes, device=device) % 12 == 0

            def step():
                adam.zero_grad()
                torch.nn.functional.cross_entropy(model(x, edges)[mask], labels[mask]).backward()
                adam.step()

            what = "GAT, three layers, step of training"
            row(name, what, "eager", (4, 64), "step", measure(step, device, min(repetitions, 5)))
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    results = dict(device=name, copy_gb_s=None, rows=rows, step=step_row)
    (args.dir / "pyg.json").write_text(json.dumps(results, indent=1))


main()
