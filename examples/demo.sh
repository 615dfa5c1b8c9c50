#!/bin/sh
# The main job, from a business question to an answer over HTTP: `make demo`.
# $1 is the assay command.
set -eu
assay="$1"
here="$(dirname "$0")"

"$assay" run "$here/car-price" --fresh --approve "Read the report; the undecided rules are accepted for this demonstration." --accept-undecided
"$assay" verify car-price

echo
echo "Starting the endpoint, asking it for a price, and stopping it:"
"$assay" serve car-price --background
"$assay" predict car-price @"$here/car-price/row.json"
"$assay" serve car-price --stop
"$assay" status car-price
