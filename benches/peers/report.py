#!/usr/bin/env python3
"""Makes Markdown tables of what compare.py, scaling and predict.py printed.

    benches/peers/report.py [--into FILE.md] RESULTS.jsonl…

With --into, each table replaces what stands between its marks, `<!-- NAME -->` and `<!-- /NAME -->`, in that file.
"""
import json
import re
import statistics
import sys

from plan import PLAN

PASSES = {"fwd": "forward", "fb": "forward + backward", "step": "epoch"}
PEERS = [("PyG", "as installed"), ("PyG", "tuned"), ("DGL", "as installed"), ("DGL", "tuned")]


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value, unit=""):
    if value is None:
        return "–"
    text = f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"
    return text + unit


class Results:
    def __init__(self, records):
        self.records = records
        measured = {(p["pair"], p["mode"]) for p in self.having("pair")}
        rows = sorted(self.having("row"), key=lambda r: list(PLAN).index(r["row"]))
        self.rows = {(r["row"], r["mode"]): r for r in rows if (r["row"], r["mode"]) in measured}

    def having(self, key):
        return [r for r in self.records if key in r]

    def pairs(self, row, who, how=""):
        found = [p for p in self.having("pair") if (p["pair"], p["mode"]) == row and p["who"] == who]
        return [p for p in found if p["how"].startswith(how)]

    def best(self, row, who, how):
        """The pair with the peer's fastest variant."""
        return min(self.pairs(row, who, how), key=lambda p: p["other"]["ms"], default=None)

    def ours(self, row, key="ms"):
        values = [p["ours"][key] for p in self.having("pair") if (p["pair"], p["mode"]) == row]
        return statistics.median(values) if values else None

    def names(self):
        return [[layer, PASSES[mode]] for layer, mode in self.rows]


def about(results):
    runs = [record["about"] for record in results.having("about")]
    lines = sorted({f"{a['date']}: {a['cpu']}, {a['cores']} cores, {a['memory_gb']} GB, {a['system']}; "
                    f"{a['threads']} threads, {a['rounds']} rounds." for a in runs})
    versions = sorted({p["other"]["version"] for p in results.having("pair") if p["who"] != "ours"})
    shares = [p[w]["disturbed"] for p in results.having("pair") for w in ("ours", "other")]
    if shares:
        lines.append(f"Peers: {'; '.join(versions) or 'none'}. Other processes took {100 * statistics.mean(shares):.0f} % "
                     f"of the cores meanwhile on average, {100 * max(shares):.0f} % in the worst pair.")
    return "\n".join(lines)


def layers(results):
    rows = []
    for (row, name) in zip(results.rows, results.names()):
        floor, with_mimalloc = results.rows[row]["floor_ms"], results.best(row, "ours", "mimalloc")
        ours = [results.ours(row), with_mimalloc and with_mimalloc["other"]["ms"]]
        over = " / ".join(number(ms / floor if ms and floor else None) for ms in ours)
        line = name + [number(ours[0]), number(ours[1]), number(floor), over]
        for who, how in PEERS:
            best = results.best(row, who, how)
            line.append(f"{number(best['other']['ms'])} ({number(best['ratio'])}×)" if best else "–")
        rows.append(line)
    return table(["layer", "pass", "ours, ms", "with mimalloc, ms", "floor, ms", "both / floor", *(" ".join(p) for p in PEERS)], rows)


def memory(results):
    rows = []
    for (row, name) in zip(results.rows, results.names()):
        mine = results.ours(row, "peak_mb")
        line = name + [number(mine)]
        for who in ("PyG", "DGL"):  # as installed: tuned, what the allocator keeps hides what is used
            best = results.best(row, who, "as installed")
            peak = best and best["other"]["peak_mb"]
            line.append(f"{number(peak)} ({number(peak / mine)}×)" if best else "–")
        rows.append(line)
    return table(["layer", "pass", "ours, MB", "PyG as installed", "DGL as installed"], rows)


def ourselves(results):
    rows = []
    for (row, name) in zip(results.rows, results.names()):
        single, other = (results.best(row, "ours", how) for how in ("1 thread", "mimalloc"))
        rows.append(name + [
            number(results.ours(row)),
            *([number(single["other"]["ms"]), number(single["ratio"], "×")] if single else ["–", "–"]),
            *([number(other["other"]["ms"]), number(1 / other["ratio"], "×"), number(other["other"]["peak_mb"])]
              if other else ["–", "–", "–"]),
        ])
    header = ["layer", "pass", "ours, ms", "1 thread, ms", "gain of threads", "mimalloc, ms", "gain of mimalloc", "its peak, MB"]
    return table(header, rows)


def rates(results):
    rows, seen = [], set()
    for (layer, mode), record in results.rows.items():
        r = record["rates"]
        if r is None:
            continue
        each = lambda key: ", ".join(f"{4 * int(w)} B: {v:.1f}" for w, v in r[key].items())
        products = "; ".join(
            f"{sizes.replace(',', '×')}: {m['forward_ms']:.1f} / {m['weight_ms']:.1f} / {m['input_ms']:.1f}"
            for sizes, m in r["matmul"].items()
        )
        rows.append([layer, PASSES[mode], f"{r['stream_gbs']:.1f}", each("rows_gbs"), each("random_rows_gbs"), products])
    return table(["layer", "pass", "stream, GB/s", "rows of the graph, GB/s", "rows at random, GB/s",
                  "x·Wᵀ / gᵀ·x / g·W, ms"], rows)


def scaling(results):
    rows = [[f"{r['edges']:,.0f}", number(r["ms"]), number(r["line_ms"]), f"{100 * r['off']:+.0f} %"]
            for r in results.having("scaling") if r["scaling"] == "edges"]
    parts = [table(["edges (with self-loops)", "forward, ms", "line, ms", "off the line"], rows)]
    for r in results.having("scaling"):
        if r["scaling"] == "line":
            parts.append(f"The line: {r['ns_per_edge']:.1f} ns per edge and {r['start_ms']:.3f} ms to start.")
        if r["scaling"] == "csr":
            parts.append(f"Both orders with their permutations of `{r['case']}`, {r['edges']:,} edges: {r['ms']:.0f} ms.")
    per_edge = {}
    for row in (("GATConv", "fwd"), ("GATConv@large", "fwd"), ("GATConv", "fb"), ("GATConv@large", "fb")):
        if results.ours(row):
            case = results.rows[row]["case"]
            per_edge[row] = 1e6 * results.ours(row) / (case["edges"] + case["nodes"])
    for mode in ("fwd", "fb"):
        mid, large = (per_edge.get((layer, mode)) for layer in ("GATConv", "GATConv@large"))
        if mid and large:
            parts.append(f"GATConv {PASSES[mode]}: {mid:.0f} ns per edge on `mid`, {large:.0f} on `large` "
                         f"({large / mid:.2f}×).")
    return "\n\n".join(parts)


def start(results):
    found = {r["start"]: r for r in results.having("start")}
    rows = [[who, number(r["ms"]), number(r["ms"] / found["ours"]["ms"], "×"), number(r["peak_mb"])]
            for who, r in found.items()]
    return table(["", "start to first prediction, ms", "beside ours", "peak, MB"], rows)


def main():
    paths = sys.argv[1:]
    into = paths[1] if paths[:1] == ["--into"] else None
    records = []
    for path in paths[2:] if into else paths:
        with open(path) as file:
            records += [json.loads(line) for line in file]
    results = Results(records)
    parts = {f.__name__: f(results) for f in (about, layers, memory, ourselves, rates, scaling, start)}
    if not into:
        print("\n\n".join(parts.values()))
        return
    with open(into) as file:
        text = file.read()
    for name, part in parts.items():
        mark = re.compile(f"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
        text = mark.sub(lambda m: f"{m[1]}\n{part}\n{m[2]}", text)
    with open(into, "w") as file:
        file.write(text)


main()
