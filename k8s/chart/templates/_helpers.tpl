{{- define "bank.name" -}}
{{ regexReplaceAll "-+$" (.Values.nameOverride | default .Release.Name | trunc 40) "" }}
{{- end }}

{{- define "bank.tlsSecret" -}}
{{ .Values.tls.secretName | default (printf "%s-tls" (include "bank.name" .)) }}
{{- end }}

{{/* The Secret with the certificate of the pods. */}}
{{- define "bank.podsTlsSecret" -}}
{{ .Values.tls.pods.secretName | default (printf "%s-pods-tls" (include "bank.name" .)) }}
{{- end }}

{{/* The scheme of the application's Service: https if pods serve it, otherwise http. */}}
{{- define "bank.serviceScheme" -}}
{{ .Values.tls.pods.enabled | ternary "https" "http" }}
{{- end }}

{{- define "bank.servicePort" -}}
{{ .Values.tls.pods.enabled | ternary 443 80 }}
{{- end }}

{{/* The name in the pods' certificate, which the ingress controller or Gateway verifies. Arguments: the root, the Service's name. */}}
{{- define "bank.serviceHost" -}}
{{ index . 1 }}.{{ (index . 0).Release.Namespace }}.svc
{{- end }}

{{/* The image. Arguments: repository, tag and digest. */}}
{{- define "bank.imageOf" -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ include "bank.text" .tag }}{{ end }}
{{- end }}

{{- define "bank.repository" -}}
{{ .Values.image.repository | default (eq .Values.runtime "bank" | ternary "ghcr.io/money-bank/money-bank-bank" "ghcr.io/money-bank/money-bank") }}
{{- end }}

{{/* A released chart names the images that it was released with (../../../release/build). Arguments: the root, and "app" or "bank". */}}
{{- define "bank.releasedDigest" -}}
{{- index (index . 0).Chart.Annotations (printf "money-bank/%s-digest" (index . 1)) }}
{{- end }}

{{- define "bank.image" -}}
{{- $digest := .Values.image.digest }}
{{- if not (or $digest .Values.image.repository .Values.image.tag) }}
{{- $digest = include "bank.releasedDigest" (list . (eq .Values.runtime "bank" | ternary "bank" "app")) }}
{{- end }}
{{- include "bank.imageOf" (dict "repository" (include "bank.repository" .) "tag" (include "bank.tag" .) "digest" $digest) }}
{{- end }}

{{- define "bank.canaryName" -}}
{{ include "bank.name" . }}-canary
{{- end }}

{{/* The canary has its own tag or digest. Without its own repository it uses the release's. */}}
{{- define "bank.canaryImage" -}}
{{ include "bank.imageOf" (merge (dict "repository" (.Values.canary.image.repository | default (include "bank.repository" .))) .Values.canary.image) }}
{{- end }}

{{/* A number as text. A number from a values file is a float, so 20261126 would become 2.0261126e+07. */}}
{{- define "bank.text" -}}
{{- if or (kindIs "string" .) (and (kindIs "float64" .) (ne (floor .) .)) -}}
{{ . }}
{{- else -}}
{{ int64 . }}
{{- end }}
{{- end }}

{{/* Quantities as text, because a SpinApp accepts no number with a fraction. */}}
{{- define "bank.quantities" -}}
{{- range $name, $quantity := . }}
{{ $name }}: {{ include "bank.text" $quantity | quote }}
{{- end }}
{{- end }}

{{/* Resources. Argument: requests and limits. */}}
{{- define "bank.resources" -}}
{{- range $kind, $quantities := . }}
{{- with include "bank.quantities" $quantities }}
{{ $kind }}:
  {{- . | indent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* A Kubernetes quantity, or a Redis size, as a number. */}}
{{- define "bank.number" -}}
{{- $text := include "bank.text" . }}
{{- $unit := regexFind "[A-Za-z]+$" $text }}
{{- $sizes := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824
  "Ti" 1099511627776 "mb" 1048576 "gb" 1073741824 "m" 0.001 }}
{{- mulf (trimSuffix $unit $text | float64) (get $sizes $unit) | printf "%.3f" }}
{{- end }}

{{- define "bank.tag" -}}
{{- with .Values.image.tag -}}
{{ include "bank.text" . }}
{{- else -}}
{{ .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Any text as the value of a label: at most 63 characters, the first and the last a letter or a digit. */}}
{{- define "bank.label" -}}
{{ regexReplaceAll "[^A-Za-z0-9._-]" . "_" | trimAll "._-" | trunc 63 | trimAll "._-" | quote }}
{{- end }}

{{/* The labels that identify the release's objects. Pods have them too, so they never change. */}}
{{- define "bank.instance" -}}
app.kubernetes.io/part-of: money-bank
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Arguments: the root and the component, such as (list $ "redis"). */}}
{{- define "bank.labels" -}}
{{- $root := index . 0 -}}
{{ include "bank.podLabels" . }}
app.kubernetes.io/version: {{ include "bank.label" (include "bank.tag" $root) }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ include "bank.label" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) }}
environment: {{ $root.Values.environment }}
{{- end }}

{{/* Labels of pods. They have no versions, so that an upgrade replaces only pods that it changes. */}}
{{- define "bank.podLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "bank.name" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{ include "bank.instance" $root }}
{{- end }}

{{/* The label that distinguishes the release's pods from those of its canary. With SpinKube the operator sets it. */}}
{{- define "bank.appLabel" -}}
{{ eq .Values.runtime "bank" | ternary "money-bank" "core.spinkube.dev" }}/app-name
{{- end }}

{{/* The label that selects the release's pods, in budgets and policies too. */}}
{{- define "bank.appSelector" -}}
{{ include "bank.appLabel" . }}: {{ include "bank.name" . }}
{{- end }}

{{/* The port that pods listen on. */}}
{{- define "bank.podPort" -}}
{{ eq .Values.runtime "bank" | ternary 3000 80 }}
{{- end }}

{{/* The labels that the pods of the release and of its canary have in common. */}}
{{- define "bank.appComponent" -}}
app.kubernetes.io/component: app
{{ include "bank.instance" . }}
{{- end }}

{{/* A selector of the pods of the release and of its canary. Flagger makes another Deployment for the release. */}}
{{- define "bank.appsSelector" -}}
{{- if or .Values.canary.enabled .Values.canary.flagger.enabled }}
{{- $other := .Values.canary.enabled | ternary (include "bank.canaryName" .) (printf "%s-primary" (include "bank.name" .)) }}
matchExpressions:
  - {key: {{ include "bank.appLabel" . }}, operator: In, values: [{{ include "bank.name" . }}, {{ $other }}]}
{{- else }}
matchLabels:
  {{- include "bank.appSelector" . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "bank.redisSelector" -}}
app.kubernetes.io/component: redis
{{ include "bank.instance" . }}
{{- end }}

{{/* The version of MutatingAdmissionPolicy that the API server has: v1, v1beta1 or none. */}}
{{- define "bank.podPolicyVersion" -}}
{{- if and .Values.podPolicy.enabled (eq .Values.runtime "spinkube") }}
{{- $group := "admissionregistration.k8s.io" }}
{{- if .Capabilities.APIVersions.Has (printf "%s/v1/MutatingAdmissionPolicy" $group) }}{{ $group }}/v1
{{- else if .Capabilities.APIVersions.Has (printf "%s/v1beta1/MutatingAdmissionPolicy" $group) }}{{ $group }}/v1beta1
{{- end }}
{{- end }}
{{- end }}

{{/*
A check of the SpinApp. It has an empty `httpHeaders`, because otherwise the operator's webhook adds
`httpHeaders: null`, which its own CRD refuses (spin-operator 0.5.0 to 0.6.1).
*/}}
{{- define "bank.check" -}}
httpGet:
  path: {{ quote .path }}
  httpHeaders: []
{{ omit . "path" | toYaml }}
{{- end }}

{{/*
The liveness probe. A SpinApp has no startup probe. If no pod policy adds one, the liveness probe has to wait until the components
are compiled: otherwise it would end every pod that is still compiling.
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

{{/* The securityContext of a container that Pod Security `restricted` accepts, and that can write only to its volumes. */}}
{{- define "bank.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Arguments: the root and the user, such as (list $ 999). OpenShift assigns users to each namespace, and refuses others. */}}
{{- define "bank.podSecurity" -}}
runAsNonRoot: true
{{- if not (index . 0).Values.openshift }}
runAsUser: {{ index . 1 }}
runAsGroup: {{ index . 1 }}
fsGroup: {{ index . 1 }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Settings of all pods that the chart makes. With SpinKube the application's pods get them from the SpinApp and the pod policy. */}}
{{- define "bank.everyPod" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ quote . }}
  {{- end }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Objects from values: each is a map, or a text of one or more documents. Labels and the namespace are added. */}}
{{- define "bank.extraObjects" -}}
{{- $root := index . 0 }}
{{- $text := index . 1 }}
{{- if not (kindIs "string" $text) }}{{ $text = toYaml $text }}{{ end }}
{{- range regexSplit "(?m)^---.*$" (tpl $text $root) -1 }}
{{- with fromYaml . }}
{{- if .Error }}{{ fail (printf "\nextraObjects: no YAML: %s" .Error) }}{{ end }}
---
{{ $metadata := merge (dict) .metadata (dict "namespace" $root.Release.Namespace "labels" (include "bank.labels" (list $root "extra") | fromYaml)) }}
{{- merge (dict "metadata" $metadata) . | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{/* The timeout of proxies in front of the bank, in seconds. It is longer than any answer takes: the bank waits 10 s for a body. */}}
{{- define "bank.timeoutSeconds" -}}
{{ add (div (add (int64 .Values.settings.storageDeadlineMs) 999) 1000) 14 }}
{{- end }}

{{/* The Secret and key of the certificate that `helm test` trusts at the ingress controller. Empty: the public authorities, or no verification. */}}
{{- define "bank.testTrusts" -}}
{{- if not .Values.test.controller }}
{{- else if .Values.test.caSecret }}
{secret: {{ .Values.test.caSecret | quote }}, key: ca.crt}
{{- else if and (eq .Values.tls.mode "selfSigned") (not .Values.test.skipVerification) }}
{secret: {{ include "bank.tlsSecret" . | quote }}, key: tls.crt}
{{- end }}
{{- end }}
