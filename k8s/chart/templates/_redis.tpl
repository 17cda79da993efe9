{{- define "bank.redisName" -}}
{{ include "bank.name" . }}-redis
{{- end }}

{{/* The nodes that Redis may run on, and its priority. */}}
{{- define "bank.redisPlace" -}}
{{- with .Values.redis.priorityClassName }}
priorityClassName: {{ quote . }}
{{- end }}
{{- with .Values.redis.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.redis.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The Secret with the key `password`, made by the chart or by others. */}}
{{- define "bank.redisSecret" -}}
{{ .Values.redis.password.secretName | default (include "bank.redisName" .) }}
{{- end }}

{{- define "bank.hasPassword" -}}
{{- if and .Values.redis.enabled (ne .Values.redis.password.source "none") }}true{{ end }}
{{- end }}

{{/* The address of Redis. The password is percent-encoded: `urlquery` writes a space as a plus, which means a plus in this part of an address. */}}
{{- define "bank.redisUrl" -}}
{{- $root := index . 0 -}}
redis://:{{ index . 1 | urlquery | replace "+" "%20" }}@{{ include "bank.redisName" $root }}:6379
{{- end }}

{{/*
The passwords that Redis accepts, as far as the chart knows them, as YAML: `password`, `previous`, and the `rotation` that made the password.
They are computed once and kept in the root, because a new password must be the same in all templates.
*/}}
{{- define "bank.redisPasswords" -}}
{{- if not (hasKey . "RedisPasswords") }}
{{- $_ := set . "RedisPasswords" (include "bank.redisPasswordsNow" .) }}
{{- end }}
{{- .RedisPasswords }}
{{- end }}

{{- define "bank.redisPasswordsNow" -}}
{{- if include "bank.hasPassword" . }}
{{- $there := lookup "v1" "Secret" .Release.Namespace (include "bank.redisSecret" .) }}
{{- $password := dig "data" "password" "" $there | b64dec }}
{{- $previous := dig "data" "previous-password" "" $there | b64dec }}
{{- $rotation := include "bank.text" .Values.redis.password.rotation }}
{{- if eq .Values.redis.password.source "generated" }}
{{- /* The password is made once. An upgrade keeps it, and removes the previous one. Another `rotation`, but not "1", makes a new password. */}}
{{- $made := dig "metadata" "annotations" "rotation" "1" $there }}
{{- if not $password }}
{{- $password = randAlphaNum 40 }}
{{- $previous = "" }}
{{- else if or (eq $rotation "1") (eq $rotation $made) }}
{{- $previous = "" }}
{{- $rotation = $made }}
{{- else }}
{{- $previous = $password }}
{{- $password = randAlphaNum 40 }}
{{- end }}
{{- end }}
{{- dict "password" $password "previous" $previous "rotation" $rotation | toJson }}
{{- else -}}
{}
{{- end }}
{{- end }}

{{/* A hash by scrypt, because those who can read an annotation must not be able to guess the password with it. */}}
{{- define "bank.secretMark" -}}
{{- with . }}{{ derivePassword 1 "long" . "money-bank" "redis" }}{{ end }}
{{- end }}

{{/* An annotation of Redis' pod that changes with the passwords, so that Redis restarts. */}}
{{- define "bank.redisPasswordsMark" -}}
{{- with include "bank.redisPasswords" . | fromJson }}
{{- if .password }}{{ list (include "bank.secretMark" .password) (include "bank.secretMark" .previous) | toJson | sha256sum | trunc 16 }}{{ end }}
{{- end }}
{{- end }}

{{/*
The password of an existing Secret without `url`. The chart then makes the address, in its own Secret. Empty if the Secret has a `url`, or
if the chart cannot query the cluster.
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
{{- $url := dig "data" "url" "" $secret | b64dec }}
{{- if not $url }}{{ $password }}
{{- else if not (include "bank.urlHolds" (list $ $url $password)) }}
{{- fail (printf "redis.password.secretName: `url` in the Secret %s holds another password than `password`, so Redis would refuse the application. Leave `url` out, and the chart makes it:\n  kubectl -n %s patch secret %s --type json -p '[{\"op\":\"remove\",\"path\":\"/data/url\"}]'" $name .Release.Namespace $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Does this address contain that password, with or without the line feed at the end of a file? Arguments: the root, the address and the
password. urlParse gives both the same percent-encoding. It gets nothing that it would print in an error.
*/}}
{{- define "bank.urlHolds" -}}
{{- $user := regexFind "^rediss?://([A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@" (index . 1) }}
{{- if $user }}
{{- $sent := regexReplaceAll "^[^:]*:?" (printf "%shost" $user | urlParse).userinfo "" }}
{{- $password := index . 2 }}
{{- range list $password (trimSuffix "\n" $password) }}
{{- if eq $sent (regexReplaceAll "^[^:]*:?" (include "bank.redisUrl" (list (index $ 0) .) | urlParse).userinfo "") }}true{{ end }}
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

{{/* An annotation that changes when pods have to read their Secrets again. */}}
{{- define "bank.secretRevision" -}}
{{ include "bank.text" .Values.secretRevision }}
{{- end }}

{{/* An annotation that changes with the address of Redis or its password, as far as the chart knows them. */}}
{{- define "bank.redisUrlMark" -}}
{{- if .Values.redis.enabled }}{{ with include "bank.redisPasswords" . | fromJson }}{{ include "bank.secretMark" .password }}{{ end }}
{{- else }}{{ include "bank.secretMark" .Values.redis.external.url }}{{ end }}
{{- end }}

{{/* The port of an external Redis, for the network policy. */}}
{{- define "bank.redisPort" -}}
{{- with .Values.redis.external }}
{{- if .url }}{{ include "bank.port" (list .url "6379") }}{{ else }}{{ .port | default 6379 | int }}{{ end }}
{{- end }}
{{- end }}
