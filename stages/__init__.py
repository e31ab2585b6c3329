"""The stages of dvc.yaml, one module each: parse the arguments, call the pipeline, write the files.

`python -m stages.NAME` imports this first, in whatever Python: a wrong one, or a wrong folder, is one line.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAKE = "make setup; . .venv/bin/activate"


def find_mistake():
    """What is wrong with the Python or the folder that this runs in, and what to do; None where all is well."""
    venv, prefix = (os.path.realpath(path) for path in (os.path.join(ROOT, ".venv"), sys.prefix))
    if sys.version_info < (3, 11):  # noqa: UP036 (an older one reads this too)
        return "Python 3.11 or newer is needed, " + sys.executable + " is too old: PYTHON=python3.12 " + MAKE
    if os.stat(os.curdir).st_nlink == 0:
        return "this folder was removed, commands are called from the project's root: cd " + ROOT
    if os.getcwd().startswith(os.path.realpath(ROOT) + os.sep):
        return "this is a folder inside the project, commands are called from its root: cd " + ROOT
    if os.path.isdir(venv) and venv != prefix and os.path.isfile(os.path.join(os.path.dirname(prefix), "dvc.yaml")):
        return "this checkout was copied or moved, and Python is still that of " + prefix + ": " + MAKE
    return None


def explain(kind, error, trace):
    """As `sys.excepthook`: a package that is not installed is one line."""
    if kind.__name__ == "ModuleNotFoundError" and not os.path.exists(os.path.join(ROOT, error.name.split(".")[0])):
        sys.stderr.write("no package " + error.name + " in " + sys.executable + ": " + MAKE + "\n")
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ["-m"] or sys.version_info < (3,):  # while `python -m` looks for its module; Python 2 says -c
    sys.excepthook = explain
    mistake = find_mistake()
    if mistake:
        sys.exit(mistake)
