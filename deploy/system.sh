#!/bin/sh
# deploy/system.sh PROGRAM[=PACKAGE]... (or /PATH=PACKAGE, for what is no program)
#
# Installs what is missing where that can be done without asking: as root on Debian. Elsewhere it says
# what is missing and succeeds; whoever needs the program decides what its absence means.
set -eu
# Debian keeps haproxy where only root's PATH reaches.
PATH=$PATH:/usr/sbin:/usr/local/sbin

packages=
for wanted in "$@"; do
    program=${wanted%%=*}
    package=${wanted#*=}
    case $package in
        # Asked for by name although its program is there: the program lacks a part.
        python3-venv) packages="$packages $package" ;;
        *)
            case $program in
                /*) [ -e "$program" ] || packages="$packages $package" ;;
                *) command -v "$program" >/dev/null 2>&1 || packages="$packages $package" ;;
            esac
            ;;
    esac
done
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$packages"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # one word for each package
    if apt-get -qq update >/dev/null && apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $packages >/dev/null; then
        # Packages that start a server, of which nobody was asked.
        for service in nginx-light=nginx prometheus=prometheus; do
            case "$packages " in
                *" ${service%%=*} "*)
                    if [ -d /run/systemd/system ]; then
                        systemctl --quiet disable --now "${service#*=}" || :
                    else
                        service "${service#*=}" stop >/dev/null 2>&1 || :
                    fi
                    ;;
            esac
        done
        exit 0
    fi
    echo "could not install$packages" >&2
else
    echo "not installed:$packages (Debian: apt-get install$packages)" >&2
fi
