#!/bin/sh
# Makes an environment from a lock, or does nothing when it already holds what the lock says.
#   tests/tools/venv.sh FOLDER LOCK [LOCK-THAT-CONTAINS-IT …]
# Needs nothing but Python 3.11-3.13 with venv. The stamp in the folder names the lock by its hash, so a changed lock is
# installed again and an unchanged one costs a few milliseconds. The locks after the first contain the first: an
# environment made from one of them serves as well.
set -eu
folder=$1
lock=$2
shift
stamp="$folder/.locks"

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1" | cut -d' ' -f1; else shasum -a 256 "$1" | cut -d' ' -f1; fi
}

for candidate in "$@"; do
    if [ -x "$folder/bin/python" ] && grep -qsxF "$candidate $(digest "$candidate")" "$stamp"; then
        if "$folder/bin/python" -c '' 2>/dev/null; then exit 0; fi
    fi
done

supported='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
python=
for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$supported" >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11, 3.12 or 3.13 with venv is needed and was not found (on Debian: apt-get install python3-venv)." >&2
    echo "Name another one with: make setup PYTHON=/path/to/python3" >&2
    exit 2
fi

# An environment made by a Python that is gone or no longer fits is made anew.
if [ -e "$folder" ] && ! "$folder/bin/python" -c "$supported" >/dev/null 2>&1; then rm -rf "$folder"; fi
if [ ! -x "$folder/bin/pip" ]; then
    echo "Making $folder with $("$python" --version) …"
    "$python" -m venv "$folder"
fi

install() {
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
        --progress-bar off -r "$lock"
}

echo "Installing $lock into $folder (about a minute the first time) …"
if ! install; then
    echo "The installation broke off; trying once more in 5 seconds …" >&2
    sleep 5
    install
fi
"$folder/bin/python" -m pip check --disable-pip-version-check >/dev/null || {
    echo "$lock does not fit together: run $folder/bin/python -m pip check" >&2
    exit 1
}
echo "$lock $(digest "$lock")" >"$stamp"
