"""Writes grafana/dashboards/*.json. `python3 -m grafana.generate [--check]`, from the repository's
root; with --check, only says whether what is there is what would be written."""
import json
import pathlib
import sys

from grafana import boards

DIRECTORY = pathlib.Path(__file__).resolve().parent / "dashboards"


def files():
    """Path -> the text that belongs there."""
    return {DIRECTORY / f"{uid}.json": json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"
            for uid, dashboard in boards.dashboards().items()}


def main(arguments):
    """The command line; the exit code."""
    wanted = files()
    strange = set(DIRECTORY.glob("*.json")) - set(wanted)
    stale = [path for path, text in wanted.items()
             if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in [*stale, *strange]:
            print(f"{path}: is not what the generator writes: make dashboards", file=sys.stderr)
        return 1 if stale or strange else 0
    DIRECTORY.mkdir(exist_ok=True)
    for path in strange:
        path.unlink()
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
