"""The least time a layer can take: the bytes and flops it needs over what the machine did in the same run.

    floor = Σ matrix products + rows read at random / row rate + bytes streamed / stream rate

The rates are those of `machine` (benches/src/bin/machine.rs): matrix products at the layer's own shapes, rows of the
layer's own width in the order of the same graph. Arithmetic of the attention itself is not counted: it can be done
while rows arrive. N nodes, E edges that are used (with self-loops where the layer adds them), F features, D = H·C.

What is counted, rows of D numbers read at random per edge, and passes over [N, D] and [E, H] arrays:
"""
# layer: projections, (rows per edge, [N, D] passes, [E, H] passes) forward, the same backward
LAYERS = {
    # Forward: W x_j per edge; W x once for the scores, out once. Backward: ∂out_i per edge; W x, ∂out and out read,
    # ∂(W x) written; ∂score written and read in the other order.
    "GATConv": (1, (1, 2, 0), (1, 4, 2)),
    # Forward: x_j per edge, x_i and out once. Backward: x_j by destination, then ∂out_i and x_i by source;
    # x_i, ∂out, out read and ∂x_i written, x_j read and ∂x_j written; ∂score and α written and read.
    "GATv2Conv": (2, (1, 2, 0), (3, 6, 4)),
    # Forward: k_j and v_j per edge; q, the skip and out once. Backward: k_j and v_j by destination, then q_i and ∂out_i
    # by source; q, ∂out, out, k, v read, ∂q, ∂k, ∂v written; ∂score and α written and read.
    "TransformerConv": (4, (2, 3, 0), (4, 8, 4)),
    # Out and the rows alone, both ways (∂out by source).
    "GCNConv": (1, (1, 1, 0), (1, 1, 0)),
}
SELF_LOOPS = {"GATConv", "GATv2Conv", "GCNConv"}


class Machine:
    """The output of `machine`."""

    def __init__(self, rates):
        self.rates = rates

    def layer(self, name, mode, nodes, edges, features, heads, width):
        """Milliseconds of one layer."""
        projections, forward, backward = LAYERS[name]
        products = self.rates["matmul"][f"{nodes},{features},{width}"]
        parts = [forward] if mode == "fwd" else [forward, backward]
        rows, passes, scores = (sum(column) for column in zip(*parts))
        total = projections * products["forward_ms"]
        if mode == "fb":
            total += projections * (products["weight_ms"] + products["input_ms"])
        total += 4e-6 * edges * width * rows / self.rates["rows_gbs"][str(width)]
        streamed = 4 * (nodes * width * passes + edges * heads * scores + len(parts) * edges)
        return total + 1e-6 * streamed / self.rates["stream_gbs"]


def sizes(layer, case):
    """The layers of a workload on a case: [(name, F, H, D)]."""
    if layer == "PpiGAT":
        return [("GATConv", 50, 4, 1024), ("GATConv", 1024, 4, 1024), ("GATConv", 1024, 6, 726)]
    width = case["heads"] * case["channels"]
    return [(layer, case["features"], case["heads"], width)] if layer in LAYERS else []


def floor_ms(rates, layer, mode, case):
    """The floor of a workload; none where there is no formula."""
    total, machine = 0, Machine(rates)
    for name, features, heads, width in sizes(layer, case):
        edges = case["edges"] + (case["nodes"] if name in SELF_LOOPS else 0)
        total += machine.layer(name, mode, case["nodes"], edges, features, heads, width)
    if layer == "PpiGAT":  # ELU after two layers: read and written; backward reads the result and ∂, writes ∂
        streamed = 2 * 4 * case["nodes"] * 1024 * (2 if mode == "fwd" else 5)
        total += 1e-6 * streamed / rates["stream_gbs"]
    return total or None
