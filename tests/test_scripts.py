"""The scripts behind `make`: what they find, and what they say when they cannot go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the scripts are for a Unix shell"
)


def run(script, *words, **environment):
    return subprocess.run(
        ["bash", SCRIPTS / script, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def tools(folder, **scripts):
    """Make a folder with the shell's tools and stand-ins for some programs."""
    folder.mkdir()
    for name in ("bash", "dirname", "grep", "uname", "cat"):
        (folder / name).symlink_to(shutil.which(name))
    for name, text in scripts.items():
        (folder / name).write_text(f"#!{shutil.which('bash')}\n{text}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_a_qt_binding_we_do_not_know_is_refused(tmp_path):
    result = run("environment.sh", tmp_path / "venv", "pyqt4")
    assert result.returncode == 2
    assert "pyqt5, pyqt6 or pyside6" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_without_a_new_enough_python_it_says_what_to_install(tmp_path):
    path = tools(tmp_path / "bin", old="exit 1", id="echo 1000")
    script = (SCRIPTS / "environment.sh").read_text().replace("/usr/bin/python3", "old")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/environment.sh").write_text(script)
    result = subprocess.run(
        [shutil.which("bash"), tmp_path / "scripts/environment.sh", tmp_path / "venv", "pyqt5"],
        capture_output=True,
        text=True,
        env={"PATH": path, "PYTHON": "old"},
    )
    assert result.returncode == 1
    assert "No Python 3.11 or newer" in result.stderr
    assert "make PYTHON=" in result.stderr
    assert not (tmp_path / "venv").exists()


def libraries(tmp_path, ldconfig, **scripts):
    """Run the check of system libraries where only these are known."""
    text = (SCRIPTS / "system_libraries.sh").read_text()
    here = tmp_path / "system_libraries.sh"
    here.write_text(text.replace("export PATH=$PATH:/usr/sbin:/sbin\n", ""))
    path = tools(tmp_path / "bin", ldconfig=ldconfig, **scripts)
    return subprocess.run(
        [shutil.which("bash"), here],
        capture_output=True,
        text=True,
        env={"PATH": path, "DISPLAY": ":0"},
    )


def test_missing_libraries_are_named_where_they_cannot_be_installed(tmp_path):
    result = libraries(tmp_path, "echo 'libEGL.so.1 (libc6,x86-64) => x'", id="echo 1000")
    assert result.returncode == 1
    assert "sudo apt-get" in result.stderr
    assert "libxcb-cursor0" in result.stderr
    assert "libegl1" not in result.stderr


def test_as_root_only_what_is_missing_is_installed(tmp_path):
    said = tmp_path / "said"
    apt = {"apt-get": f'echo "$@" >> {said}', "id": "echo 0"}
    known = [
        line.split()[0]
        for line in (SCRIPTS / "system_libraries.sh").read_text().splitlines()
        if line.startswith("lib") and ".so" in line
    ]
    all_but_one = "\n".join(f"echo '{name} (libc6) => x'" for name in known[1:])
    result = libraries(tmp_path, all_but_one, **apt)
    assert result.returncode == 0, result.stderr
    installed = said.read_text().splitlines()[-1].split()
    assert installed[-1] == "libegl1"
    assert [word for word in installed if word.startswith("lib")] == ["libegl1"]


def test_make_help_names_the_targets():
    result = subprocess.run(
        ["make", "-s", "help"], cwd=SCRIPTS.parent, capture_output=True, text=True
    )
    assert result.returncode == 0
    assert "demo | test | lint | bench" in result.stdout
