"""The fault matrix: faults in the whole system under load, what was measured beside what it has to be."""
import argparse
import datetime
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Tests/Stack")]

import report  # noqa: E402
import rows  # noqa: E402
from openload import OpenLoad, build  # noqa: E402
from run import Run  # noqa: E402
from system import System  # noqa: E402
from table import ROWS, Absent, Check, Delegated  # noqa: E402

PAGE = ROOT / "docs/faults.md"
ATTEMPTS_MAX = 3


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", default="", help="numbers of rows, such as 1,19,20")
    parser.add_argument("--rate", type=int, help="requests a second (default: what the machine bears)")
    parser.add_argument("--soak", type=int, default=120, help="seconds of row 32 (default: 120)")
    parser.add_argument("--seed", type=int, default=1, help="of row 32's faults")
    parser.add_argument("--output", type=pathlib.Path, default=PAGE, help="default: docs/faults.md")
    options = parser.parse_args()
    known = {row.number for row in ROWS}
    options.numbers = {int(word) for word in options.only.split(",") if word} or known
    if unknown := options.numbers - known:
        parser.error(f"no such row: {sorted(unknown)}")
    return options


def under_load(row, system, program, options):
    """A row that is run here; again, with less load, where the machine may be what missed it."""
    run = attempt(row, system, program, options)
    for number in range(2, ATTEMPTS_MAX + 1):
        doubt = run.doubt()
        if not doubt:
            break
        print(f"  {row.number}: once more, {doubt}: {report.cells(run.checks)}", flush=True)
        run = attempt(row, system, program, options, run.rate)
        run.remark(f"attempt {number}: before, {doubt}")
    return run


def attempt(row, system, program, options, below=float("inf")):
    """One run of a row; whatever ends it early is a miss of this row, and the others go on."""
    run = Run(row, system, program, options, below)
    try:
        run.measure()
    except Exception as problem:
        traceback.print_exc()
        first = (str(problem) or repr(problem)).splitlines()[0]
        run.checks.append(Check("it came to its end", first, "yes", False))
    return run


def delegated(row):
    """A row that pytest or swift test proves."""
    command = ([sys.executable, "-m", "pytest", "-q", "-s", "-m", "long or not long", *row.pytest]
               if row.pytest else ["swift", "test", "--skip-build", "--disable-xctest", "--filter",
                                   row.swift])
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    said = [line for line in done.stdout.splitlines() if line.strip()]
    last = said[-1].strip("= ") if said else "nothing"
    if done.returncode:
        print(done.stdout[-4000:] + done.stderr[-2000:], file=sys.stderr)
    return ([Check(row.proves, last, "passed", done.returncode == 0)],
            [f"{time.monotonic() - begun:.0f} s"])


def results_of(chosen, options):
    """[(row, checks, remarks, when)]; one system serves all rows that need it."""
    results, system = [], None
    with tempfile.TemporaryDirectory(prefix="meliproxy-faults-") as directory:
        program = build(directory)
        try:
            for row in chosen:
                when = f"{datetime.datetime.now():%Y-%m-%d %H:%M}"
                if isinstance(row, Absent):
                    outcome = [], [row.why], ""
                elif isinstance(row, Delegated):
                    outcome = *delegated(row), when
                else:
                    system = system or begun(program)
                    run = under_load(row, system, program, options)
                    outcome = (run.checks, run.remarks,
                               f"{when}; {run.rate:,}/s; others {run.others:.1f}")
                results.append((row, *outcome))
                print(keep(options.output, *results[-1]), flush=True)
        finally:
            if system:
                system.close()
    return results


def keep(path, *result):
    """Writes a row into the page at once: whatever ends the run later, it stays. The row's line."""
    line = report.line(*result)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(report.page(ROWS, [line], before), encoding="utf-8")
    return line


def begun(program):
    """The system, its caches warm."""
    system = System()
    try:
        system.wait_well()
        with OpenLoad(program, system.front, 400) as load:
            time.sleep(5)
            load.stop()
    except BaseException:
        system.close()
        raise
    return system


def main():
    """Exit status 1: a row missed its bound."""
    options = arguments()
    # However it is told to end, the system is taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = results_of([row for row in ROWS if row.number in options.numbers], options)
    missed = [(row, check) for row, checks, *_ in results for check in checks if not check.good]
    for row, check in missed:
        print(f"row {row.number} missed: {check.words}: {check.measured}, wanted {check.bound}",
              file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
