"""Run the machines of `tests/machines` round after round, each with another seed, until the runs or minutes are over.

SOAK_RUNS (2000) in all, or SOAK_MINUTES instead; SOAK_SEED repeats one round. See `make soak`.
"""

import os
import random
import subprocess
import sys
import time

RUNS_OF_A_ROUND = 200


def main() -> int:
    seed = os.environ.get("SOAK_SEED")
    runs = RUNS_OF_A_ROUND if seed else int(os.environ.get("SOAK_RUNS", "2000"))
    minutes = float(os.environ.get("SOAK_MINUTES", "0"))
    started, done = time.monotonic(), 0
    while time.monotonic() - started < minutes * 60 if minutes and not seed else done < runs:
        size = RUNS_OF_A_ROUND if minutes else min(RUNS_OF_A_ROUND, runs - done)
        this = seed or str(random.SystemRandom().randrange(10**9))
        command = [
            sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:randomly", "-m", "not control",
            f"--hypothesis-seed={this}", "tests/machines",
        ]  # fmt: skip
        ended = subprocess.run(command, env={**os.environ, "SOAK_RUNS": str(size)}, check=False)
        done += size
        if ended.returncode:
            print(f"Seed {this} found a difference after {done} runs. Again: make soak SOAK_SEED={this}")
            print("Keep the steps that are printed above as a test in tests/machines.")
            return 1
        print(f"{done} runs of each machine, {time.monotonic() - started:.0f} s, nothing found (seed {this}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
