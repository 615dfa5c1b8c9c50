#!/bin/sh
# Both examples, from question to answer over HTTP, in a home that is thrown away.
# $1 is the assay command.
set -eu
assay="$1"
here="$(dirname "$0")"
ASSAY_HOME="$(mktemp -d)"
export ASSAY_HOME
trap 'rm -rf "$ASSAY_HOME"' EXIT

for name in car-price churn; do
  "$assay" run "$here/$name" --fresh --approve "The examples' own check." --accept-undecided
  "$assay" verify "$name"
  "$assay" serve "$name" --background --port 0
  "$assay" predict "$name" "@$here/$name/row.json"
  "$assay" serve "$name" --stop
  "$assay" export "$name" "$ASSAY_HOME/$name-python" --target python
  "$(dirname "$assay")/python" -I "$ASSAY_HOME/$name-python/strict.py" "$here/$name/row.json"
  "$assay" status "$name"
done
"$(dirname "$assay")/python" "$here/automl/churn.py" 20
"$assay" ledger verify
