handler() {
  echo "$1" 1>&2
  echo "{\"event\": ${1:-null}}"
}
