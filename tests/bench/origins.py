"""How well the languages judge texts of origins that had no part in finding their numbers: a Markdown table.

For each language `medcorpus language calibrate --dry-run` leaves out one origin of DATA/labelled/CODE.jsonl.gz at a time: the
weights of the terms, the judgement and the classifier are found on the others, and recall and false positives are measured
on the one that was left out, origins counting alike. Which terms are listed is not found anew. Standard library only.
"""

import argparse
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS = ["language", "documents", "origins", "by", "threshold", "recall", "false positives", "precision at one half", "F1"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medcorpus", required=True)
    parser.add_argument("--data", required=True, help="folder with labelled/CODE.jsonl.gz")
    parser.add_argument("--languages", default="en,zh,ja,fr,ru,es")
    parser.add_argument("--precision", default="0.95")
    options = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- | --- | --- | --- |" + " ---: |" * 5)
    for language in options.languages.split(","):
        labels = pathlib.Path(options.data) / "labelled" / f"{language}.jsonl.gz"
        command = [options.medcorpus, "language", "calibrate", language, "--filters", str(ROOT / "filters")]
        command += ["--labels", str(labels), "--precision", options.precision, "--dry-run", "--json"]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            print(f"| {language} | {ran.stderr.strip().splitlines()[-1]} |" + " |" * 7)
            continue
        found = json.loads(ran.stdout)
        counted = [sum(row["documents"] for row in found["origins"] if row["medical"] is medical) for medical in (True, False)]
        origins = [sum(row["medical"] is medical for row in found["origins"]) for medical in (True, False)]
        for curve in found["curves"]:
            point = curve["chosen"]
            sizes = [f"{counted[0]:,} + {counted[1]:,}", f"{origins[0]} + {origins[1]}"]
            if point is None:
                print(f"| {language} | {sizes[0]} | {sizes[1]} | {curve['of']} | the precision is not reached |" + " |" * 4)
                continue
            shares = [point["recall"]["value"], point["false_positives"]["value"], point["precision"]["value"], point["f1"]]
            cells = [language, *sizes, curve["of"], f"{point['threshold']:.2f}", *(f"{share:.3f}".lstrip("0") for share in shares)]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
