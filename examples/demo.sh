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

echo "Next:"
echo "  read the report         $here/car-price/reports/ (open report.html, scorecard.pdf, model-card.md)"
echo "  change the question     $here/car-price/assay.yaml, or the limits in policy.yaml; then $assay run $here/car-price"
echo "  serve it yourself       $assay serve car-price"
echo "  take it elsewhere       $assay export car-price page/ --target browser (or onnx, python, c, mlflow, spark)"
echo "  start your own          $assay init my-project"
