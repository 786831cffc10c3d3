"""Every benchmark, one after the other; what they print goes to benchmarks/RESULTS.md too.

Leave the machine alone meanwhile. PyTorch takes part where it is installed.

    python benchmarks/run.py [fit predict ...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from contest import describe

HERE = Path(__file__).parent
ALL = ("fit", "predict", "cold", "sweep", "text", "augment")
HEAD = """# Results

Medians (least to most) of turns taken in one run; x2.00 means twice as long as fkeras. Written by `make bench`.

"""


def main() -> None:
    names = sys.argv[1:] or ALL
    parts = [HEAD + describe() + "\n"]
    for name in names:
        script = HERE / f"{name}.py"
        question = script.read_text().split('"""')[1].splitlines()[0]
        print(f"\n## {question}", flush=True)
        lines = []
        with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                lines.append(line)
        said = "".join(lines).strip()
        parts.append(f"\n## {question}\n\n" + (said if said.startswith("|") else f"```text\n{said}\n```") + "\n")
        if process.returncode:
            raise SystemExit(f"{script.name} failed")
        (HERE / "RESULTS.md").write_text("".join(parts))


if __name__ == "__main__":
    main()
