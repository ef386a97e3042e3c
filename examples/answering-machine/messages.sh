#!/bin/sh
# Lists, or changes, the voice messages of a housephone: messages.sh, messages.sh heard FILE, messages.sh delete FILE|heard|all
# PHONE is the topic of the phone (housephone/phone). MQTT_HOST, MQTT_PORT, MQTT_USERNAME and MQTT_PASSWORD say where the
# broker is.
set -eu
phone=${PHONE:-housephone/phone}
broker() {
	program=$1
	shift
	exec "$program" -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" ${MQTT_USERNAME:+-u "$MQTT_USERNAME"} ${MQTT_PASSWORD:+-P "$MQTT_PASSWORD"} "$@"
}
if [ $# -eq 0 ]; then
	broker mosquitto_sub -t "$phone/message/list" -C 1 -W 5
fi
broker mosquitto_pub -q 1 -t "$phone/message/voice/set" -m "$*"
