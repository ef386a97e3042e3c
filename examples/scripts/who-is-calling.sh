#!/usr/bin/env bash
# Says who is calling through a telephone that answers by itself, such as an intercom in the hall.
#
#   who-is-calling.sh ADDRESS [NAMES]
#   who-is-calling.sh 601 names.txt
#
# NAMES is a file with a number and a name on each line ("+39333123456 Grandma"); without an entry the caller's own
# name is said, or the number digit by digit. Runs until it is stopped. The announcement ends when the caller gives up.
# MQTT_HOST, MQTT_PORT, MQTT_USERNAME, MQTT_PASSWORD and PHONE (housephone/phone) say where the phone is. Needs
# mosquitto-clients and jq; the phone runs with PHONE_MODE=ivr and PHONE_MAX_CALLS=2 or more.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 64; }
speaker=$1 names=${2:-/dev/null}
base=${PHONE:-housephone/phone}
broker=(-h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}")
[ -z "${MQTT_USERNAME:-}" ] || broker+=(-u "$MQTT_USERNAME" -P "${MQTT_PASSWORD:-}")

# name words the caller of a call/info document.
name() {
	local number known
	number=$(jq -r '.remote.user' <<<"$1")
	known=$(awk -v number="$number" '$1 == number { sub(/^[^ ]+ +/, ""); print; exit }' "$names")
	[ -n "$known" ] || known=$(jq -r '.remote.name' <<<"$1")
	if [ -z "$known" ]; then
		case $number in
		*[!0-9+]*) known=$number ;;
		*) known=$(fold -w 1 <<<"$number" | paste -s -d ' ') ;; # 601 is read out as six, zero, one
		esac
	fi
	echo "${known:-Somebody}"
}

ringing='' announcing='' # calls/<n> of the caller who rings and of the announcement
exec 3< <(exec mosquitto_sub "${broker[@]}" -q 1 -F '%t %p' -t "$base/calls/+/call/info")
listener=$!
trap 'kill "$listener" 2>/dev/null || true' EXIT
while read -r topic info <&3; do
	call=${topic%/call/info}
	case $(jq -r '"\(.direction) \(.status)"' <<<"$info") in
	"incoming ring")
		[ "$call" != "$ringing" ] || continue
		ringing=$call
		command=$(jq -nc --arg to "$speaker" --arg say "$(name "$info") is calling." '{value: $to, say: $say, repeat: 3}')
		mosquitto_pub "${broker[@]}" -q 1 -t "$base/call/set" -m "$command"
		;;
	"outgoing "*)
		announcing=$call
		;;
	*)
		if [ "$call" = "$announcing" ]; then
			announcing=
		elif [ "$call" = "$ringing" ]; then # answered, or the caller has given up: enough said
			ringing=
			[ -z "$announcing" ] || mosquitto_pub "${broker[@]}" -q 1 -t "$announcing/call/set" -m hangup
		fi
		;;
	esac
done
