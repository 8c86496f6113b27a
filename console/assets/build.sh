#!/bin/sh
# Compiles console/static/{app.css,charts.js,icon-*.png,htmx.min.js} with Node 20 or newer. Called by `make assets`.
# node_modules lie in .cache/assets, so that nothing that reads the source tree meets them.
set -eu
cd "$(dirname "$0")/../.."
command -v node >/dev/null 2>&1 || { echo "Node 20 or newer is needed to change the look (the results are committed)" >&2; exit 2; }
build=.cache/assets
static=console/static
mkdir -p "$build"
if ! cmp -s console/assets/package-lock.json "$build/installed-lock.json"; then
  cp console/assets/package.json console/assets/package-lock.json console/assets/.npmrc "$build/"
  (cd "$build" && npm install --no-save --silent)
  cp console/assets/package-lock.json "$build/installed-lock.json"
fi
cp console/assets/input.css console/assets/house.css console/assets/charts.js console/assets/icons.mjs "$build/"
cp "$static/logo.svg" "$build/"
bin="$build/node_modules/.bin"
"$bin/tailwindcss" -i "$build/input.css" -o "$build/app.css" --minify
mv "$build/app.css" "$static/app.css"
if [ "${1:-}" != css ]; then
  "$bin/esbuild" "$build/charts.js" --bundle --minify --format=iife --target=es2020 --legal-comments=none \
    --log-level=warning --outfile="$build/charts.out.js"
  mv "$build/charts.out.js" "$static/charts.js"
  cp "$build/node_modules/htmx.org/dist/htmx.min.js" "$static/htmx.min.js"
  (cd "$build" && node icons.mjs logo.svg "../../$static")
fi
ls -l "$static/app.css" "$static/charts.js" | awk '{ print $5, $9 }'
