#!/usr/bin/env bash
# Prints, as Markdown, what a change does to the stack: its template, its routes, its audit, its bill.
# usage: pull-request-report.sh BASE HEAD    (two folders that `cdk synth` wrote)
set -uo pipefail
base=$1 head=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

section() { # TITLE FILE
  printf '### %s\n\n' "$1"
  if [ -s "$2" ]; then
    # A comment has 65,536 characters for all four.
    printf '````diff\n%s\n````\n\n' "$(head -c 14000 "$2" | iconv -c -t utf-8)"
    [ "$(wc -c < "$2")" -le 14000 ] || printf 'Cut: the job'\''s log has all of it.\n\n'
  else
    printf 'No difference.\n\n'
  fi
}
difference() { # COMMAND: of its output on both; the first line names the folder
  for side in base head; do npm run --silent "$1" -- --assembly "${!side}" 2>&1 | sed "s#${!side}#cdk.out#g" > "$work/$side"; done
  diff --unified=2 --label base --label head "$work/base" "$work/head" > "$work/$1"
}

for template in "$head"/*.template.json; do
  name=$(basename "$template")
  npx cdk diff --no-change-set --app "$head" --template "$base/$name" "${name%.template.json}" 2>&1 |
    sed 's/\x1b\[[0-9;]*m//g' | grep -v '^There were no differences\|^Stack \|Number of stacks with differences: 0' | sed '/^\s*$/d'
done > "$work/template"
section 'Template' "$work/template"
difference routes
section 'Routes' "$work/routes"
difference audit
section 'Audit' "$work/audit"
npm run --silent cost -- --assembly "$head" --compare "$base" > "$work/cost" 2>&1
section 'Bill' "$work/cost"
