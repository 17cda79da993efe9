{{- define "bank.name" -}}
{{ .Values.nameOverride | default .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "bank.redisName" -}}
{{ include "bank.name" . }}-redis
{{- end }}

{{- define "bank.tlsSecret" -}}
{{ .Values.tls.secretName | default (printf "%s-tls" (include "bank.name" .)) }}
{{- end }}

{{- define "bank.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* What the release's objects are found by; pods carry it, so it never changes. */}}
{{- define "bank.instance" -}}
app.kubernetes.io/part-of: money-bank
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Called with the root and the component: (list $ "redis"). */}}
{{- define "bank.labels" -}}
{{- $root := index . 0 -}}
{{ include "bank.podLabels" . }}
app.kubernetes.io/version: {{ $root.Values.image.tag | default $root.Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
environment: {{ $root.Values.environment }}
{{- end }}

{{/* Labels of pods: without versions, so that an upgrade replaces only what it changes. */}}
{{- define "bank.podLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "bank.name" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{ include "bank.instance" $root }}
{{- end }}

{{/* The operator's label; pods, and so budgets and policies, are selected by it. */}}
{{- define "bank.appSelector" -}}
core.spinkube.dev/app-name: {{ include "bank.name" . }}
{{- end }}

{{- define "bank.redisSelector" -}}
app.kubernetes.io/component: redis
{{ include "bank.instance" . }}
{{- end }}

{{/* The Secret with the keys `password` and `url`, whoever makes it. */}}
{{- define "bank.redisSecret" -}}
{{- if .Values.redis.enabled -}}
{{ .Values.redis.password.secretName | default (include "bank.redisName" .) }}
{{- else -}}
{{ .Values.redis.external.secretName | default (include "bank.redisName" .) }}
{{- end }}
{{- end }}

{{- define "bank.hasPassword" -}}
{{- if and .Values.redis.enabled (ne .Values.redis.password.source "none") }}true{{ end }}
{{- end }}

{{/* v1, v1beta1 or nothing: which MutatingAdmissionPolicy the API server has. */}}
{{- define "bank.podPolicyVersion" -}}
{{- if .Values.podPolicy.enabled }}
{{- $group := "admissionregistration.k8s.io" }}
{{- if .Capabilities.APIVersions.Has (printf "%s/v1/MutatingAdmissionPolicy" $group) }}{{ $group }}/v1
{{- else if .Capabilities.APIVersions.Has (printf "%s/v1beta1/MutatingAdmissionPolicy" $group) }}{{ $group }}/v1beta1
{{- end }}
{{- end }}
{{- end }}

{{/*
A check of the SpinApp. `httpHeaders` is there although it is empty: without it the operator's webhook adds
`httpHeaders: null`, which its own CRD refuses (spin-operator 0.5.0 to 0.6.1).
*/}}
{{- define "bank.check" -}}
httpGet:
  path: {{ .path }}
  httpHeaders: []
{{ omit . "path" | toYaml }}
{{- end }}

{{/*
Liveness. A SpinApp knows no startup probe; where no pod policy adds one, liveness itself has to wait until the
components are compiled, or it ends every pod that still compiles.
*/}}
{{- define "bank.liveness" -}}
{{- $liveness := deepCopy .Values.probes.liveness }}
{{- if not (include "bank.podPolicyVersion" .) }}
  {{- with .Values.probes.startup }}
    {{- $_ := set $liveness "initialDelaySeconds" (max $liveness.initialDelaySeconds (mul .periodSeconds .failureThreshold)) }}
  {{- end }}
{{- end }}
{{- toYaml $liveness }}
{{- end }}

{{/* A container that Pod Security `restricted` accepts and that can write only to its volumes. */}}
{{- define "bank.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "bank.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "bank.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          {{- toYaml .Values.networkPolicy.dnsNamespace | nindent 10 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}
