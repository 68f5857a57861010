#!/usr/bin/env python3
"""From process start to the first prediction of gat-cora, ours and PyTorch Geometric's in turn: wall time and the most
memory, medians, a line of JSON each.

    benches/peers/predict.py PEERS DATA [ROUNDS]    DATA: the folder with the original files of Cora (ind.cora.x …)
"""
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def once(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{output}{errors}")
    return 1e3 * seconds, usage.ru_maxrss / 1024


def main():
    peers, data = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 11
    commands = {
        "ours": ["target/release/candle-geometric", "run", "gat-cora", "--data", data],
        "PyG": [os.path.join(peers, "pyg", "bin", "python"), os.path.join(HERE, "predict_pyg.py"), data, "models/gat-cora"],
    }
    runs = {who: [] for who in commands}
    for turn in range(rounds + 1):
        for who, command in commands.items():
            run = once(command)
            if turn > 0:  # the first reads the files from the disk
                runs[who].append(run)
    for who, measured in runs.items():
        ms, mb = (statistics.median(column) for column in zip(*measured))
        print(json.dumps(dict(start=who, ms=ms, peak_mb=mb, runs=rounds)))


main()
