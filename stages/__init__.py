"""The stages of dvc.yaml, one module each: parse the arguments, call the pipeline, write the files.

`python -m stages.NAME` imports this first, in whatever Python: a wrong one, or a wrong folder, is one line.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = ("model", "pipeline", "stages", "studies")


def find_mistake():
    """What is wrong with the Python or the folder that this runs in, and what to do; None where all is well."""
    venv, here = os.path.join(ROOT, ".venv"), os.path.realpath(os.getcwd())
    if sys.version_info < (3, 11):  # noqa: UP036 (an older one reads this too)
        this = "Python " + sys.version.split()[0] + " (" + sys.executable + ")"
        return this + " is too old, 3.11 or newer is needed: make setup PYTHON=python3.12; . .venv/bin/activate"
    if here.startswith(os.path.realpath(ROOT) + os.sep):
        return "this is a folder inside the project, commands are called from its root: cd " + ROOT
    is_of_other_checkout = os.path.isfile(os.path.join(sys.prefix, "..", "dvc.yaml"))
    if os.path.isdir(venv) and is_of_other_checkout and os.path.realpath(venv) != os.path.realpath(sys.prefix):
        this = "this checkout was copied or moved, and Python is still that of " + sys.prefix
        return this + ": make setup; . .venv/bin/activate"
    return None


def explain(kind, error, trace):
    """As `sys.excepthook`: a package that is not installed is one line."""
    if kind.__name__ == "ModuleNotFoundError" and str(error.name).split(".")[0] not in OURS:
        sys.stderr.write(
            "no package " + error.name + " in " + sys.executable + ": . .venv/bin/activate (make setup makes it)\n"
        )
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ["-m"] or sys.version_info < (3,):  # while `python -m` looks for its module; Python 2 says -c
    sys.excepthook = explain
    mistake = find_mistake()
    if mistake:
        sys.exit(mistake)
