# Installs the system components that tests use, where that is possible: root, apt-get.
set -u
missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v pdftotext >/dev/null 2>&1 || missing="$missing poppler-utils"
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "Not installed:$missing. The tests that need them will skip and say so."
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
  echo "Could not install:$missing. The tests that need them will skip and say so."
