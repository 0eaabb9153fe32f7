"""How large is the house? Lines of code by folder, without blanks, docstrings and comments.

    python tests/benchmarks/code_lines.py pcvae

A line counts if it bears a token of Python that is neither a comment nor part of a docstring.
"""

import argparse
import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstring_lines(source: str) -> set[int]:
    """Return the numbers of the lines that docstrings stand on."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            found.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return found


def code_lines(source: str) -> int:
    """Return how many lines bear code."""
    bearing = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            bearing.update(range(token.start[0], token.end[0] + 1))
    return len(bearing - docstring_lines(source))


def lines_by_folder(folder: Path) -> Counter[str]:
    """Return lines of code by folder, and by file where the file stands on top."""
    found: Counter[str] = Counter()
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder).parts
        found[place[0] if len(place) == 1 else f"{place[0]}/"] += code_lines(path.read_text())
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    counted = lines_by_folder(parser.parse_args().folder)
    for place, lines in sorted(counted.items()):
        print(f"{lines:>7,}  {place}")
    own = counted.total() - counted["exercises/"]
    print(f"{counted.total():>7,}  in all, {own:,} without exercises")


if __name__ == "__main__":
    main()
