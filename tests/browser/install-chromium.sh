#!/bin/sh
# Install Chromium with the system's package manager. Run by `make test` only where no Chromium is found.
set -eu
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
if command -v apt-get >/dev/null 2>&1; then
  as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
elif command -v dnf >/dev/null 2>&1; then as_root dnf install -y chromium
elif command -v pacman >/dev/null 2>&1; then as_root pacman -Sy --noconfirm chromium
elif command -v apk >/dev/null 2>&1; then as_root apk add chromium
elif command -v brew >/dev/null 2>&1; then brew install --cask chromium
else echo "No package manager known here: install Chromium by hand, then run make test again." >&2; exit 1
fi
