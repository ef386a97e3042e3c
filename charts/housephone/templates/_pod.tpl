{{- define "housephone.container" -}}
name: housephone
image: {{ include "housephone.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "housephone.env" . | nindent 2 }}
ports:
  - {name: http, containerPort: {{ .Values.network.httpPort }}, protocol: TCP}
  - {name: sip-udp, containerPort: {{ .Values.network.sipPort }}, protocol: UDP}
  - {name: sip-tcp, containerPort: {{ .Values.network.sipPort }}, protocol: TCP}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: {{ .Values.probes.periodSeconds }}
  timeoutSeconds: {{ .Values.probes.timeoutSeconds }}
{{- if .Values.probes.readiness }}
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: {{ .Values.probes.periodSeconds }}
  timeoutSeconds: {{ .Values.probes.timeoutSeconds }}
{{- end }}
resources:
  requests:
    {{- toYaml .Values.resources.requests | nindent 4 }}
  limits:
    {{- toYaml (merge (dict) .Values.resources.limits .Values.devices.resources) | nindent 4 }}
securityContext:
  readOnlyRootFilesystem: true
  {{- if .Values.devices.privileged }}
  privileged: true
  {{- else }}
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  {{- end }}
volumeMounts:
  - {name: state, mountPath: /var/lib/housephone}
  - {name: tmp, mountPath: /tmp}
  {{- if include "housephone.secrets" . }}
  - {name: secrets, mountPath: /run/secrets/housephone, readOnly: true}
  {{- end }}
  {{- if .Values.media.existingClaim }}
  - {name: media, mountPath: /media, readOnly: true}
  {{- end }}
  {{- range $i, $path := .Values.devices.hostPaths }}
  - {name: device-{{ $i }}, mountPath: {{ $path }}}
  {{- end }}
{{- end }}

{{- define "housephone.volumes" -}}
{{- if not (and .Values.persistence.enabled (eq .Values.kind "StatefulSet")) }}
- name: state
  {{- if .Values.persistence.enabled }}
  persistentVolumeClaim: {claimName: {{ .Values.persistence.existingClaim | default (include "housephone.fullname" .) }}}
  {{- else }}
  emptyDir: {sizeLimit: 512Mi}
  {{- end }}
{{- end }}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 32Mi}
{{- with include "housephone.secrets" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- with .Values.media.existingClaim }}
- name: media
  persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
{{- end }}
{{- range $i, $path := .Values.devices.hostPaths }}
- name: device-{{ $i }}
  hostPath: {path: {{ $path }}}
{{- end }}
{{- end }}

{{/* Two instances on one node would fail together, and want the same ports. */}}
{{- define "housephone.affinity" -}}
{{- $apart := dict }}
{{- if .Values.pair.enabled }}
{{- $selector := dict "matchLabels" (include "housephone.selector" . | fromYaml) }}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" $selector }}
{{- $apart = dict "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) }}
{{- end }}
{{- toYaml (mergeOverwrite $apart .Values.affinity) }}
{{- end }}

{{- define "housephone.pod" -}}
metadata:
  labels:
    {{- include "housephone.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if and .Values.pair.enabled (eq .Values.pair.mode "kubernetes") }}
  serviceAccountName: {{ include "housephone.fullname" . }}
  automountServiceAccountToken: true
  {{- else }}
  automountServiceAccountToken: false
  {{- end }}
  enableServiceLinks: false
  {{- if eq .Values.network.mode "host" }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  # it hangs up and un-registers within 5 s
  terminationGracePeriodSeconds: 10
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    {{- with .Values.devices.groups }}
    supplementalGroups: {{ toJson . }}
    {{- end }}
    seccompProfile: {type: RuntimeDefault}
  containers:
    - {{- include "housephone.container" . | nindent 6 }}
  volumes:
    {{- include "housephone.volumes" . | trim | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "housephone.affinity" . | fromYaml }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
{{- end }}
