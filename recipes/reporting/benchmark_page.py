"""Tables of benchmarks/README.md, from what the scripts there leave with --output."""

import json
import pathlib

from keras_spa import markdown


def table(path: pathlib.Path) -> str:
    """Markdown: the tables that a benchmark printed, and where and when that was.

    Raises:
        ValueError: the file is none of a benchmark.
    """
    try:
        measured = json.loads(path.read_text(encoding="utf-8"))
        around, note = measured["environment"], measured["note"]
        tables = [markdown.table(rows) for rows in measured["tables"]]
        names = ("commit", "hardware", "python")
        versions = [f"{k} {v}" for k, v in around.items() if k not in names]
        facts = [
            f"Commit {around['commit']}",
            measured["date"][:10],
            around["hardware"],
            *versions,
        ]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"No table of a benchmark: {path.name} ({error!r})") from error
    script = f"python benchmarks/{measured['benchmark']}.py"
    command = " ".join([script, *measured["arguments"]])
    end = f" {note}" if note else ""
    return "\n".join([*tables, f"{', '.join(facts)}; `{command}`.{end}\n"])
