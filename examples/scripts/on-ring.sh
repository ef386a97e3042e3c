#!/bin/sh
# Runs a command whenever the telephone rings, with the caller as its last argument. It runs until it is ended.
#
#   on-ring.sh notify-send 'The telephone rings'
#   on-ring.sh sh -c 'aplay ding.wav; echo "$0 rings"'
set -eu
. "$(dirname "$0")/phone.sh"

phone_open -F '%t %p' -t "$PHONE/status" -t "$PHONE/call"
trap phone_close EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
while read -r topic value; do
	case "$topic" in
	*/call) caller=$value ;;
	*/status) status=$value ;;
	esac
	# the two come one after the other, in any order
	if [ "${status:-}" = ring ] && [ -n "${caller:-}" ]; then
		if [ "${told:-}" != "$caller" ]; then
			told=$caller
			"$@" "$caller" </dev/null || true
		fi
	elif [ "${status:-}" != ring ]; then
		told=
	fi
done <"$phone_dir/lines"
