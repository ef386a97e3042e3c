#!/usr/bin/env bash
# Calls people one after the other, says why, and goes on until one of them presses 1.
#
#   alarm-call.sh TEXT ADDRESS...
#   alarm-call.sh 'There is water in the cellar. Press 1 if you take care.' 601 602 +39333123456
#
# Prints who acknowledged and ends with 0; with 1 when nobody did, with 2 when nobody could be called.
# MQTT_HOST, MQTT_PORT, MQTT_USERNAME, MQTT_PASSWORD and PHONE (housephone/phone) say where the phone is;
# RING, ATTEMPTS and PAUSE change how it calls. Needs mosquitto-clients and jq; the phone runs with PHONE_MODE=ivr.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }
base=${PHONE:-housephone/phone}
broker=(-h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}")
[ -z "${MQTT_USERNAME:-}" ] || broker+=(-u "$MQTT_USERNAME" -P "${MQTT_PASSWORD:-}")

text=$1
shift
id="alarm-$(date +%s)-$$"
command=$(jq -nc --arg say "$text" --arg id "$id" --argjson ring "${RING:-25}" --argjson attempts "${ATTEMPTS:-3}" --argjson pause "${PAUSE:-10}" \
	'{value: $ARGS.positional, say: $say, ack: "1", ring: $ring, attempts: $attempts, pause: $pause, id: $id}' --args "$@")

# connection is retained: when it comes, the subscriptions are in force and the answer cannot be missed
exec 3< <(exec mosquitto_sub "${broker[@]}" -q 1 -F '%t %p' -t "$base/connection" -t "$base/result" -t "$base/call/ended")
listener=$!
trap 'kill "$listener" 2>/dev/null || true' EXIT

sent=
while read -r topic payload <&3; do
	case ${topic#"$base/"} in
	connection)
		[ "$payload" = online ] || { echo "the phone is offline" >&2; exit 2; }
		[ -n "$sent" ] || mosquitto_pub "${broker[@]}" -q 1 -t "$base/call/set" -m "$command"
		sent=yes
		;;
	result)
		error=$(jq -r --arg id "$id" 'select(.id == $id and .ok == false).error' <<<"$payload")
		[ -z "$error" ] || { echo "$error" >&2; exit 2; }
		;;
	call/ended)
		# the records of the single calls have another id
		by=$(jq -r --arg id "$id" 'select(.id == $id and has("acknowledged_by")) | "by " + .acknowledged_by' <<<"$payload")
		case $by in
		'') ;;
		'by ') echo "nobody acknowledged" >&2; exit 1 ;;
		*) echo "acknowledged $by"; exit 0 ;;
		esac
		;;
	esac
done
echo "the broker is gone" >&2
exit 2
