"""Make the course's environment in .venv, or find that it is already there.

    python3 bootstrap.py [--anew] [OPTIONS FOR PIP]

It makes ``.venv``, installs the exact versions of ``requirements.lock`` and then this package in
editable mode. A stamp written last tells the next run that nothing is left to do; a run without a
stamp was interrupted, and is begun anew. Options for pip (for example another index for torch)
are remembered with the stamp; naming other ones makes the environment anew. A mark written first
says that the environment is the course's own: what has none, or is a link, is emptied only if
``--anew`` asks for it, and then it is the link that goes, not what it leads to.

The syntax is kept so plain that an old Python, even 2.7, gets as far as its message.
"""

import hashlib
import os
import shutil
import subprocess
import sys

MARK = ".made-by-the-course"
STAMP = ".installed"
MINIMUM = (3, 11)
HERE = os.path.dirname(os.path.abspath(__file__))
NETWORK_SIGNS = (
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "Max retries exceeded",
    "ProxyError",
    "ConnectionResetError",
)


class Failure(Exception):
    """Something the reader can mend; the message says how."""


def check_python(version, executable):
    """Raise Failure if this Python is too old for the course."""
    if tuple(version[:2]) < MINIMUM:
        raise Failure(
            "The course needs Python %d.%d or newer, and %s is Python %s.\n"
            "Install a newer one and name it, for example: make lab PYTHON=python3.12"
            % (MINIMUM + (executable, ".".join(str(part) for part in version[:3])))
        )


def check_venv():
    """Raise Failure if this Python cannot make environments, as on Debian without python3-venv."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401

        return
    except ImportError as error:
        reason = str(error)
    raise Failure(
        "This Python (%s) cannot make an environment: %s.\n"
        "On Debian or Ubuntu install the missing part: sudo apt-get install python%d.%d-venv\n"
        "Then run the same command again."
        % ((sys.executable, reason) + tuple(sys.version_info[:2]))
    )


def python_of(venv):
    """Path of the environment's own interpreter."""
    if os.name == "nt":
        return os.path.join(venv, "Scripts", "python.exe")
    return os.path.join(venv, "bin", "python")


def digest(*paths):
    """SHA-256 over the contents of some files."""
    total = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def place(venv):
    """Where the environment is and for which Python: it works neither moved nor upgraded."""
    return venv + " " + os.path.basename(os.path.realpath(python_of(venv)))


def read_stamp(path):
    """The stamp's three lines (inputs, place, pip's options), or None if there is none."""
    if not os.path.exists(path):
        return None
    with open(path) as file:
        lines = file.read().splitlines()
    return lines if len(lines) == 3 else None


def write_stamp(path, lines):
    """Write the stamp whole or not at all."""
    with open(path + ".tmp", "w") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(path + ".tmp", path)


def say(text):
    """Print at once, ahead of what the next command prints."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(command):
    """Run a command in the project's folder; return its exit code."""
    return subprocess.call(command, cwd=HERE)


def explain(log):
    """Say in plain words why pip failed, as far as its log tells."""
    text = ""
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
    if any(sign in text for sign in NETWORK_SIGNS):
        return (
            "pip could not reach its package index: no network, or a proxy is needed "
            "(HTTPS_PROXY).\nRun the same command again when it is back; what pip had already "
            "downloaded is not downloaded again."
        )
    if "No space left on device" in text:
        return "The disk is full. README.md says how much room the environment needs."
    return "pip could not install the environment; its own message is above."


def pip_install(venv, arguments):
    """Install with the environment's pip, or raise Failure with the reason."""
    log = os.path.join(venv, "pip.log")
    if os.path.exists(log):
        os.remove(log)
    command = [python_of(venv), "-m", "pip", "--log", log, "install"]
    if run(command + ["--disable-pip-version-check"] + arguments) != 0:
        raise Failure(explain(log) + "\nThe whole log: " + log)


def check_ours(venv):
    """Raise Failure if there is something that the course did not make, and must not empty."""
    if os.path.islink(venv):
        what = "is a link to %s" % os.readlink(venv)
    elif os.path.isdir(venv):
        names = os.listdir(venv)
        if not names or MARK in names or STAMP in names:
            return
        what = "is a folder that the course did not make"
    elif os.path.exists(venv):
        what = "is a file that the course did not make"
    else:
        return
    raise Failure(
        "%s %s. It is left as it is.\n"
        "Move it away, or have the course's own environment made in its place: "
        "make env ANEW=yes\n"
        "(A link goes then, and what it leads to stays; a folder or a file is deleted.)"
        % (venv, what)
    )


def remove(path):
    """Remove a file, a folder with all that is in it, or a link and nothing behind it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def make_venv(venv):
    """Make the environment, empty, in place of the one that is there."""
    if not os.path.isdir(venv):
        os.mkdir(venv)
    open(os.path.join(venv, MARK), "w").close()
    for name in os.listdir(venv):
        if name != MARK:
            remove(os.path.join(venv, name))
    if run([sys.executable, "-m", "venv", venv]) != 0:
        raise Failure("Python could not make %s; its own message is above." % venv)


def bootstrap(options, anew=False):
    """Bring .venv up to date with the lock file; do nothing if it already is."""
    venv = os.path.join(HERE, ".venv")
    stamp = os.path.join(venv, STAMP)
    lock = os.path.join(HERE, "requirements.lock")
    inputs = digest(lock, os.path.join(HERE, "pyproject.toml"))

    found = read_stamp(stamp) if os.path.exists(python_of(venv)) else None
    options = " ".join(options) or (found[2] if found else "")
    if found == [inputs, place(venv), options] and not anew:
        return
    check_venv()
    update = found is not None and found[1:] == [place(venv), options] and not anew
    if update:
        say("The lock file or pyproject.toml changed: bringing .venv up to date.")
        os.remove(stamp)
    else:
        if anew:
            remove(venv)
        check_ours(venv)
        say("Making the environment in .venv: a few minutes, mostly downloads.")
        make_venv(venv)
    try:
        pip_install(venv, (["--quiet"] if update else []) + options.split() + ["-r", lock])
        # The lock has setuptools, so the build needs no environment (and no download) of its own.
        pip_install(venv, ["--quiet", "--no-deps", "--no-build-isolation", "-e", HERE])
    except Failure:
        if update:
            # pip gave up in good order: what it left is worth another update, not making anew.
            write_stamp(stamp, found)
        raise
    write_stamp(stamp, [inputs, place(venv), options])


def main():
    """Run, turning what the reader can mend into a message; return the exit code."""
    try:
        check_python(sys.version_info, sys.executable)
        options = sys.argv[1:]
        bootstrap([option for option in options if option != "--anew"], "--anew" in options)
    except Failure as failure:
        sys.stderr.write("\n" + str(failure) + "\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command begins the installation anew.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
