{{/*
The exporter beside Redis has its own user. This user may read the state of Redis, but no key, no setting, and not the log of slow
commands, which contains documents. Its password is made in the pod, and is only in memory.
*/}}
{{- define "bank.hasExporter" -}}
{{- if .Values.monitoring.redisExporter.enabled }}true{{ end }}
{{- end }}

{{- define "bank.exporterUser" -}}
if [ ! -s /run/exporter/password.json ]; then
  password=$(head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1)
  # New exporters look up the address with the user, old ones the address without it.
  printf '{"redis://exporter@localhost:6379":"%s","redis://localhost:6379":"%s"}' "$password" "$password" >/run/exporter/password.new
  mv /run/exporter/password.new /run/exporter/password.json
fi
password=$(sed 's/.*:"\([0-9a-f]*\)"}/\1/' /run/exporter/password.json)
printf 'user exporter reset on -@all +ping +info +slowlog|len +latency|latest #%s\n' "$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)" >>/run/redis/redis.conf
{{- end }}

{{- define "bank.exporterContainer" -}}
- name: exporter
  image: {{ .Values.monitoring.redisExporter.image | quote }}
  # The exporter must not set its name or read settings: its user has no right to.
  args: [--redis.addr=redis://localhost:6379, --redis.user=exporter, --redis.password-file=/run/exporter/password.json, --config-command=-,
    --set-client-name=false, --exclude-latency-histogram-metrics, --web.listen-address=:9121]
  ports:
    - {name: metrics, containerPort: 9121}
  resources:
    {{- include "bank.resources" .Values.monitoring.redisExporter.resources | indent 4 }}
  securityContext:
    {{- include "bank.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - {name: exporter, mountPath: /run/exporter, readOnly: true}
{{- end }}
