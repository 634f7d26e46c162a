#!/usr/bin/env bash
# Make a virtual environment with the tested versions: environment.sh FOLDER pyqt5|pyqt6|pyside6
set -euo pipefail
folder=$1 qt=$2
cd "$(dirname "$0")/.."

case $qt in
    pyqt5 | pyqt6 | pyside6) ;;
    *) echo "QT=$qt: it must be pyqt5, pyqt6 or pyside6" >&2; exit 2 ;;
esac

works() { # a Python that is new enough and can make an environment
    command -v "$1" >/dev/null &&
        "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 /usr/bin/python3}; do
        if works "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! [ -x "$folder/bin/python" ]; then
    if ! python=$(find_python); then
        if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
            apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv
        fi
        if ! python=$(find_python); then
            echo "No Python 3.11 or newer with its venv module was found." >&2
            echo "Install it (Debian and Ubuntu: sudo apt-get install python3 python3-venv)" >&2
            echo "or name one: make PYTHON=/path/to/python3.12 ..." >&2
            exit 1
        fi
    fi
    echo "Making $folder with $("$python" --version)"
    "$python" -m venv "$folder"
fi

# torch first and by itself: a range asked for by another package could take another build of it
pip=("$folder/bin/python" -m pip --disable-pip-version-check install --quiet --quiet --constraint constraints.txt)
echo "Installing the tested versions into $folder (a few minutes the first time)"
"${pip[@]}" "$(grep -i '^torch==' constraints.txt)"
"${pip[@]}" --editable ".[$qt,test,lint]"
