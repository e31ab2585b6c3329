"""The tables in LaTeX: what is escaped, what fits, and whether a TeX takes it."""

import shutil
import subprocess

import pytest

from pipeline.reporting.document import Document, Score, Table
from pipeline.reporting.latex import render_latex, to_latex

COMPILERS = {"tectonic": [], "pdflatex": ["-interaction=nonstopmode", "-halt-on-error"]}
TEX = next((name for name in COMPILERS if shutil.which(name)), None)
FRAME = r"\documentclass{article}\usepackage{booktabs,graphicx,amssymb}\begin{document}%s\end{document}"


def make_document(num_rows: int = 2) -> Document:
    collapsed = Score(0.25, 0.2, 0.3, is_collapsed=True, collapsed="collapsed in 1 of 3 seeds", paper=0.5)
    difference = Score(-0.1, -0.2, -0.01, "+", "▼")
    lines = [[f"`row_{number}`", collapsed, difference, "3", "`iteration_1`", "left out"] for number in range(num_rows)]
    header = ["row", "sst accuracy", "sts Pearson", "seeds", "control", "note"]
    words = ["row", "control", "note"]
    main = Table("Table 2, part 2: some", header, lines, words, ["† collapsed: 100%."], ["note"], "control")
    second = Table("What it cost", ["row", "steps"], [["`row_0`", "1,000"]], ["row"])
    return Document("Dev sets, profile `my_profile`.", [main, second], ["50% & *more* #1 of {_} ~ ^ \\ < > |"])


def test_markup_and_special_characters():
    assert to_latex("`a_b` is *not* 5% of 2 * 3 * 4") == r"\texttt{a\_b} is \emph{not} 5\% of 2 * 3 * 4"
    assert to_latex("$5 # {x}") == r"\$5 \# \{x\}"
    assert to_latex("† ▲ ▼ → \\") == r"$^\dagger$ $\blacktriangle$ $\blacktriangledown$ $\to$ \textbackslash{}"


@pytest.mark.skipif(TEX is None, reason=f"none of {', '.join(COMPILERS)} is on PATH")
@pytest.mark.parametrize("num_rows", [2, 60])
def test_it_compiles_and_fits_the_page(tmp_path, num_rows):
    body = "".join(render_latex(make_document(num_rows), name) for name in ("table2", "controls"))
    (tmp_path / "page.tex").write_text(FRAME % body, encoding="utf-8")
    done = subprocess.run([TEX, *COMPILERS[TEX], "page.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "page.pdf").stat().st_size > 1000
    assert "Overfull" not in done.stdout + done.stderr and "Float too large" not in done.stdout + done.stderr
