#!/usr/bin/env bash
# Tells the temperature to who calls and presses 1: the number is asked for and answered through MQTT.
#
#   temperature-by-phone.sh TOPIC
#   temperature-by-phone.sh zigbee2mqtt/outdoor
#
# TOPIC is retained and holds a number, or JSON with a member "temperature". Runs until it is stopped.
# MQTT_HOST, MQTT_PORT, MQTT_USERNAME, MQTT_PASSWORD and PHONE (housephone/phone) say where the phone is. Needs
# mosquitto-clients and jq; the phone runs with PHONE_MODE=ivr and PHONE_AUTOANSWER=1.
set -euo pipefail

[ $# -eq 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }
sensor=$1
base=${PHONE:-housephone/phone}
broker=(-h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}")
[ -z "${MQTT_USERNAME:-}" ] || broker+=(-u "$MQTT_USERNAME" -P "${MQTT_PASSWORD:-}")

say() { mosquitto_pub "${broker[@]}" -q 1 -t "$base/$1/set" -m "$2"; }

# answer words the newest value of the sensor.
answer() {
	local value
	value=$(mosquitto_sub "${broker[@]}" -C 1 -W 2 -t "$sensor" | jq -r 'if type == "object" then .temperature else . end | numbers') || true
	if [ -n "$value" ]; then
		echo "It is $value degrees."
	else
		echo "I do not know the temperature. Please try again later."
	fi
}

served='' speaking=''
exec 3< <(exec mosquitto_sub "${broker[@]}" -q 1 -F '%t %p' -t "$base/call/info" -t "$base/dtmf/collected" -t "$base/play")
listener=$!
trap 'kill "$listener" 2>/dev/null || true' EXIT
while read -r topic payload <&3; do
	case ${topic#"$base/"} in
	call/info)
		call=$(jq -r 'select(.direction == "incoming" and .status == "active").id' <<<"$payload")
		if [ -n "$call" ] && [ "$call" != "$served" ]; then
			served=$call speaking=
			say dtmf/collect '{"max": 1, "timeout": 10, "prompt": "Press 1 for the temperature outside."}'
		fi
		;;
	dtmf/collected)
		case $(jq -r .digits <<<"$payload") in
		1) say play/voice/default "$(answer)" ;;
		*) say play/voice/default "Good bye." ;;
		esac
		speaking=yes
		;;
	play)
		[ "$speaking" = yes ] && [ "$payload" != idle ] && speaking=heard
		if [ "$speaking" = heard ] && [ "$payload" = idle ]; then
			speaking=
			say call hangup
		fi
		;;
	esac
done
