{{- define "housephone.fullname" -}}
{{ ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "housephone.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "housephone.labels" -}}
{{ include "housephone.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "housephone.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What a schema cannot say: two values against each other. */}}
{{- define "housephone.check" -}}
{{- $n := .Values.network }}
{{- $first := int $n.rtpPorts.first }}
{{- $last := int $n.rtpPorts.last }}
{{- if le $last $first }}
{{- fail (printf "network.rtpPorts: last (%d) has to be above first (%d): a call takes two ports" $last $first) }}
{{- end }}
{{- if eq $n.mode "service" }}
{{- if gt (sub $last $first) 99 }}
{{- fail (printf "network.rtpPorts: %d ports are too many for a Service, want at most 100; or network.mode: host" (add1 (sub $last $first))) }}
{{- end }}
{{- if ne .Values.kind "Deployment" }}
{{- fail (printf "network.mode: a Service cannot tell the pods of a %s apart, want host" .Values.kind) }}
{{- end }}
{{- if and (eq $n.service.type "NodePort") (or (lt (int $n.sipPort) 30000) (gt (int $n.sipPort) 32767) (lt $first 30000) (gt $last 32767)) }}
{{- fail "network.service.type NodePort: sipPort and rtpPorts are told to the other phones as they are, so they have to be within 30000-32767" }}
{{- end }}
{{- end }}
{{- if and (eq .Values.kind "StatefulSet") .Values.persistence.existingClaim }}
{{- fail "persistence.existingClaim: the pods of a StatefulSet have a claim each, want it empty" }}
{{- end }}
{{- if .Values.pair.enabled }}
{{- if ne .Values.kind "Deployment" }}
{{- fail (printf "pair: a %s has a phone for every pod, want kind Deployment" .Values.kind) }}
{{- end }}
{{- if ne $n.mode "host" }}
{{- fail "pair: a Service sends calls to both instances, want network.mode host" }}
{{- end }}
{{- if not .Values.mqtt.url }}
{{- fail "pair: mqtt.url is empty, and the instances need one broker that both reach" }}
{{- end }}
{{- if .Values.persistence.enabled }}
{{- fail "pair: the instances share volume, autoanswer and dnd over the broker and have no common disk, want persistence.enabled false" }}
{{- end }}
{{- end }}
{{- range $name, $_ := .Values.env }}
{{- if has $name (list "PAIR_MODE" "PAIR_NAME" "PAIR_LEASE" "HOUSEPHONE_ID" "MQTT_URL" "MQTT_USERNAME" "SIP_SERVER" "SIP_USER" "SIP_TRANSPORT" "SIP_LISTEN" "SIP_RTP_PORTS" "SIP_ADVERTISE" "HTTP_LISTEN" "STATE_DIR" "TTS_CACHE_DIR") }}
{{- fail (printf "env.%s: the chart sets it, use the value of its own" $name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The variables. */}}
{{- define "housephone.env" -}}
- name: HOUSEPHONE_ID
{{- if .Values.id }}
  value: {{ .Values.id | quote }}
{{- else if eq .Values.kind "DaemonSet" }}
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- else if eq .Values.kind "StatefulSet" }}
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- else }}
  value: phone
{{- end }}
{{- if .Values.pair.enabled }}
- {name: PAIR_MODE, value: {{ .Values.pair.mode }}}
- {name: PAIR_LEASE, value: {{ .Values.pair.lease }}}
- {name: PAIR_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- end }}
- {name: HTTP_LISTEN, value: ":{{ .Values.network.httpPort }}"}
- {name: SIP_LISTEN, value: "0.0.0.0:{{ .Values.network.sipPort }}"}
- {name: SIP_RTP_PORTS, value: "{{ .Values.network.rtpPorts.first }}-{{ .Values.network.rtpPorts.last }}"}
- {name: STATE_DIR, value: /var/lib/housephone}
- {name: TTS_CACHE_DIR, value: /var/lib/housephone/speech}
{{- with .Values.network.advertise }}
- {name: SIP_ADVERTISE, value: {{ . | quote }}}
{{- end }}
{{- with .Values.mqtt }}
{{- if .url }}
- {name: MQTT_URL, value: {{ .url | quote }}}
{{- end }}
{{- if .username }}
- {name: MQTT_USERNAME, value: {{ .username | quote }}}
{{- end }}
{{- if .passwordSecret.name }}
- {name: MQTT_PASSWORD_FILE, value: /run/secrets/housephone/mqtt-password}
{{- end }}
{{- if .caSecret.name }}
- {name: MQTT_CA_FILE, value: /run/secrets/housephone/mqtt-ca.crt}
{{- end }}
{{- end }}
{{- with .Values.sip }}
{{- if .server }}
- {name: SIP_SERVER, value: {{ .server | quote }}}
{{- end }}
{{- if .user }}
- {name: SIP_USER, value: {{ .user | quote }}}
{{- end }}
- {name: SIP_TRANSPORT, value: {{ .transport }}}
{{- if .passwordSecret.name }}
- {name: SIP_PASSWORD_FILE, value: /run/secrets/housephone/sip-password}
{{- end }}
{{- if .caSecret.name }}
- {name: SIP_TLS_CA_FILE, value: /run/secrets/housephone/sip-ca.crt}
{{- end }}
{{- end }}
{{- if and .Values.media.existingClaim (not (hasKey .Values.env "MEDIA_DIR")) }}
- {name: MEDIA_DIR, value: /media}
{{- end }}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $ref := .Values.secretEnv }}
- {name: {{ $name }}, valueFrom: {secretKeyRef: {name: {{ $ref.name }}, key: {{ $ref.key }}}}}
{{- end }}
{{- end }}

{{/* The Secrets that become files; a list of secret, key, file. */}}
{{- define "housephone.secrets" -}}
{{- range list (list .Values.mqtt.passwordSecret "mqtt-password") (list .Values.mqtt.caSecret "mqtt-ca.crt") (list .Values.sip.passwordSecret "sip-password") (list .Values.sip.caSecret "sip-ca.crt") }}
{{- $ref := index . 0 }}
{{- if $ref.name }}
- secret: {name: {{ $ref.name }}, items: [{key: {{ $ref.key | quote }}, path: {{ index . 1 }}}]}
{{- end }}
{{- end }}
{{- end }}
