"""What compare.py measures: workloads, and the paths of the peers that were fastest in a search beforehand."""
import os

# Freshly allocated pages cost most of the peers' time; these variables make glibc keep its memory and ask for huge
# pages. Thanks to them a repetition finds its memory mapped, which is the best that allocators did for the peers.
TUNED = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=68719476736"
    ":glibc.malloc.top_pad=67108864",
    "THP_MEM_ALLOC_ENABLE": "1",
}

# layer: (case, modes, PyG as installed, PyG tuned, DGL as installed, DGL tuned), the variants of worker_*.py
PLAN = {
    "GATConv": ("mid", ("fwd", "fb"), ["sp", "sorted"], ["sp", "ei"], ["i64"], ["i32"]),
    "GATv2Conv": ("mid", ("fwd", "fb"), ["raw"], ["sp", "sorted"], ["i32"], ["i64"]),
    "TransformerConv": ("mid", ("fwd", "fb"), ["raw"], ["ei", "sorted"], [], []),
    "GCNConv": ("mid", ("fwd", "fb"), ["csr"], ["sp"], ["i64"], ["i64"]),
    "SAGEConv": ("mid", ("fwd", "fb"), ["csr"], ["csr"], ["i64"], ["i64"]),
    "PpiGAT": ("ppi", ("fwd", "fb"), ["raw"], ["ei", "sorted"], ["i32"], ["i32"]),
    "epoch-dense": ("cora", ("step",), ["raw", "sorted"], ["sorted"], [], []),
    "epoch-sparse": ("cora", ("step",), ["raw", "sorted"], ["sorted"], [], []),
    "GATConv@large": ("large", ("fwd", "fb"), [], [], [], []),
}


class Party:
    """Somebody to measure: how to start the worker, and what to call it."""

    def __init__(self, who, how, command, environment):
        self.who, self.how, self.command, self.environment = who, how, command, environment


def parties(layer, peers, ours, threads):
    """Ours first, then ours in other circumstances and the peers."""
    case, modes, *variants = PLAN[layer]
    limits = {name: str(threads) for name in ("RAYON_NUM_THREADS", "CANDLE_NUM_THREADS", "OMP_NUM_THREADS")}
    single = {name: "1" for name in limits}
    worker = os.path.join(ours, "layers")
    found = [
        Party("ours", "", [worker], limits),
        Party("ours", "1 thread", [worker], single),
        Party("ours", "mimalloc", [worker + "-mimalloc"], limits),
    ]
    here = os.path.dirname(os.path.abspath(__file__))
    kinds = [("PyG", "as installed"), ("PyG", "tuned"), ("DGL", "as installed"), ("DGL", "tuned")]
    for (who, how), names in zip(kinds, variants):
        program = [os.path.join(peers, who.lower(), "bin", "python"), os.path.join(here, f"worker_{who.lower()}.py")]
        for name in names:
            command = program + ["--variant", name, "--threads", str(threads)]
            found.append(Party(who, f"{how}, {name}", command, limits | (TUNED if how == "tuned" else {})))
    return case, modes, found
