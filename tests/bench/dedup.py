#!/usr/bin/env python3
"""Measures how `medcorpus dedup` grows: 1, 4 and 16 times so many made-up documents, within one budget of memory.

    dedup.py --medcorpus target/release/medcorpus --documents 62500 --out FOLDER             ordinary documents, to 1 million
    dedup.py --medcorpus … --documents 250000 --sentences 3 --out FOLDER                     short ones, to 4 million

Prints a row a size: CPU seconds of the process, megabytes of text for each, the largest resident memory, and the largest
scratch space beside the text. CPU seconds include reading the input and writing the survivors.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def bytes_below(folder, without=None):
    """Bytes of the files below a folder, but for those in folders called `without`."""
    total = 0
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != without]
        for name in names:
            try:
                total += os.stat(os.path.join(root, name)).st_size
            except OSError:
                pass
    return total


def measure(command, scratch):
    largest = [0]
    stop = threading.Event()

    def watch():
        while not stop.wait(0.05):
            largest[0] = max(largest[0], bytes_below(scratch))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    stop.set()
    watcher.join()
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return json.loads(output), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, largest[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--medcorpus", required=True)
    parser.add_argument("--documents", type=int, default=62_500)
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    print("| documents | MB of text | removed | CPU s | MB / CPU s | wall s | peak MiB | scratch / text |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for times in (1, 4, 16):
        count = options.documents * times
        data = os.path.join(options.out, f"{count}-{options.sentences}")
        if not os.path.isdir(data):
            making = [sys.executable, os.path.join(HERE, "make_documents.py"), "--documents", str(count)]
            subprocess.run(making + ["--sentences", str(options.sentences), "--out", data + ".part"], check=True)
            os.rename(data + ".part", data)
        out = os.path.join(options.out, "deduplicated")
        shutil.rmtree(out, ignore_errors=True)
        command = [options.medcorpus, "dedup", data, "--out", out, "--memory", options.memory, "--jobs", options.jobs]
        found, cpu, wall, peak, scratch = measure(command + ["--json"], os.path.join(out, "scratch"))
        text = found["read"]["text_bytes"]
        removed = sum(kind["documents"] for kind in found["removed"].values())
        row = (count, text / 1e6, removed, cpu, text / 1e6 / cpu, wall, peak, scratch / text)
        print("| {:,} | {:.0f} | {:,} | {:.1f} | {:.1f} | {:.1f} | {:.0f} | {:.2f} |".format(*row), flush=True)


if __name__ == "__main__":
    main()
