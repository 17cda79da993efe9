{{- define "bank.redisName" -}}
{{ include "bank.name" . }}-redis
{{- end }}

{{/* The Secret with the key `password`, whoever makes it. */}}
{{- define "bank.redisSecret" -}}
{{ .Values.redis.password.secretName | default (include "bank.redisName" .) }}
{{- end }}

{{- define "bank.hasPassword" -}}
{{- if and .Values.redis.enabled (ne .Values.redis.password.source "none") }}true{{ end }}
{{- end }}

{{/* Percent-encoded: `urlquery` writes a space as a plus, which is a plus in this part of an address. */}}
{{- define "bank.redisUrl" -}}
{{- $root := index . 0 -}}
redis://:{{ index . 1 | urlquery | replace "+" "%20" }}@{{ include "bank.redisName" $root }}:6379
{{- end }}

{{/*
The password of an existing Secret that names no `url`, as far as a cluster can be asked: then the chart makes the
address, in a Secret of its own. Empty where the Secret has one, or where there is nobody to ask.
*/}}
{{- define "bank.passwordWithoutUrl" -}}
{{- if and .Values.redis.enabled (eq .Values.redis.password.source "existing") }}
{{- $name := .Values.redis.password.secretName }}
{{- $secret := lookup "v1" "Secret" .Release.Namespace $name }}
{{- if $secret }}
{{- $password := dig "data" "password" "" $secret | b64dec }}
{{- if not (trim $password) }}
{{- fail (printf "redis.password.secretName: the Secret %s has no `password`, or an empty one, with which Redis would let everybody in" $name) }}
{{- end }}
{{- if not (dig "data" "url" "" $secret) }}{{ $password }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret with the key `url`. */}}
{{- define "bank.redisUrlSecret" -}}
{{- if include "bank.passwordWithoutUrl" . -}}
{{ include "bank.redisName" . }}-url
{{- else if .Values.redis.enabled -}}
{{ include "bank.redisSecret" . }}
{{- else -}}
{{ .Values.redis.external.secretName | default (include "bank.redisName" .) }}
{{- end }}
{{- end }}

{{/* Changes when pods have to read their Secrets again. */}}
{{- define "bank.secretRevision" -}}
{{ include "bank.text" .Values.secretRevision }}{{ with .Values.redis.password }}{{ if eq .source "generated" }}.{{ include "bank.text" .rotation }}{{ end }}{{ end }}
{{- end }}

{{/* A quantity of Kubernetes, or a size of Redis, in bytes. */}}
{{- define "bank.bytes" -}}
{{- $text := toString . }}
{{- $unit := regexFind "[A-Za-z]+$" $text }}
{{- $sizes := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824
  "Ti" 1099511627776 "mb" 1048576 "gb" 1073741824 "m" 0.001 }}
{{- mulf (trimSuffix $unit $text | float64) (index $sizes $unit) | int64 }}
{{- end }}

{{- define "bank.redisMemoryFits" -}}
{{- with .Values.redis }}
{{- $limit := dig "memory" "" .resources.limits }}
{{- if and $limit (gt (mulf (include "bank.bytes" .maxMemory | float64) 1.25) (include "bank.bytes" $limit | float64)) }}
{{- fail (printf "redis.maxMemory (%s) leaves too little of redis.resources.limits.memory (%v): Redis needs a quarter more than its data, and the kernel ends it at the limit" .maxMemory $limit) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A StatefulSet can not change the size of its claims; the API server's words for that are of no help. */}}
{{- define "bank.redisClaimStays" -}}
{{- $name := include "bank.redisName" . }}
{{- $size := .Values.redis.storage.size }}
{{- range dig "spec" "volumeClaimTemplates" list (lookup "apps/v1" "StatefulSet" .Release.Namespace $name) }}
{{- $claimed := .spec.resources.requests.storage }}
{{- if ne (include "bank.bytes" $claimed) (include "bank.bytes" $size) }}
{{- fail (printf "\nredis.storage.size: the claim of Redis was made with %s, and a StatefulSet can not change that. To have %s:\n  kubectl -n %s patch pvc data-%s-0 -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"%s\"}}}}'\n  kubectl -n %s delete statefulset %s --cascade=orphan   # Redis runs on\nand the same helm command again. A claim can only grow, and only where its storage class allows it."
  $claimed $size $.Release.Namespace $name $size $.Release.Namespace $name) }}
{{- end }}
{{- end }}
{{- end }}
