#!/usr/bin/env bash
# What Qt and OpenGL need of a Linux system, and a virtual screen where there is none: installed
# with apt where that is possible, else said. Does nothing on other systems.
set -euo pipefail
[ "$(uname -s)" = Linux ] || exit 0
export PATH=$PATH:/usr/sbin:/sbin

# the file the loader must know, and Debian's package that has it
libraries="
libEGL.so.1 libegl1
libGL.so.1 libgl1
libX11-xcb.so.1 libx11-xcb1
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libglib-2.0.so.0 libglib2.0-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-xinerama.so.0 libxcb-xinerama0
libxcb-xkb.so.1 libxcb-xkb1
libxkbcommon-x11.so.0 libxkbcommon-x11-0
"
known=$(ldconfig -p)
missing=()
while read -r file package; do
    [ -z "$file" ] || grep -qF "$file " <<<"$known" || missing+=("$package")
done <<<"$libraries"

if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    command -v Xvfb >/dev/null && command -v xvfb-run >/dev/null || missing+=(xvfb)
    command -v xauth >/dev/null || missing+=(xauth)
    compgen -G "/usr/lib/*/dri/*swrast_dri.so" >/dev/null ||
        compgen -G "/usr/lib*/dri/*swrast_dri.so" >/dev/null ||
        grep -qF libgallium <<<"$known" || missing+=(libgl1-mesa-dri)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing system libraries: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
    echo "napari needs system libraries that are not installed. On Debian and Ubuntu:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2
    echo "On other systems, install the packages that have the same libraries." >&2
    exit 1
fi
