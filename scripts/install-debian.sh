#!/bin/sh
# Installs the Debian packages whose commands are missing, where this user may. Never fails: the tests say what is left out.
# Usage: scripts/install-debian.sh COMMAND:PACKAGE ...
missing=""
for pair in "$@"; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null 2>&1 || exit 0
as_root=""
if [ "$(id -u)" != 0 ]; then
  sudo -n true 2>/dev/null || { echo "Missing:$missing. Not root, so not installed." >&2; exit 0; }
  as_root="sudo"
fi
echo "Installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# Packages of servers would start them, on ports that may be in use. The tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod 755 "$policy"
fi
# Standard output belongs to the command that needs these.
$as_root apt-get update -qq >&2 && $as_root apt-get install -y -qq --no-install-recommends $missing >&2 || true
