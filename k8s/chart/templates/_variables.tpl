{{/* The application's variables: the name, and the value or its source. A variable without a value has the default of spin.toml. */}}
{{- define "bank.variables" -}}
{{- /* The name of a setting is its variable's in camel case. int64, because numbers from values files are floats: a million would be 1e+06. */}}
{{- range $setting, $value := include "bank.settings" . | fromYaml }}
{{- with kindIs "string" $value | ternary $value (kindIs "bool" $value | ternary $value (int64 $value) | toString) }}
- {name: {{ snakecase $setting }}, value: {{ quote . }}}
{{- end }}
{{- end }}
{{- range $variable, $value := dict "auth" .Values.auth.mode "jwt_issuer" .Values.auth.issuer "jwt_audience" .Values.auth.audience
  "jwt_jwks_url" .Values.auth.jwksUrl "jwt_user_claim" .Values.auth.userClaim "jwt_scopes" (.Values.auth.scopes | ternary "on" "off")
  "oidc_client_id" .Values.auth.clientId }}
{{- with $value }}
- {name: {{ $variable }}, value: {{ quote . }}}
{{- end }}
{{- end }}
{{- if not .Values.store.sqlite.enabled }}
- name: redis_url
  valueFrom:
    secretKeyRef: {name: {{ include "bank.redisUrlSecret" . | quote }}, key: url}
{{- end }}
{{- range $variable, $from := dict "coingecko_api_key" .Values.coingeckoApiKey "jwt_secret" .Values.auth.secret }}
{{- if $from.secretName }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef: {name: {{ quote $from.secretName }}, key: {{ quote $from.key }}}
{{- end }}
{{- end }}
{{- end }}

{{/* With SQLite the store is the key-value store. */}}
{{- define "bank.settings" -}}
{{- if .Values.store.sqlite.enabled }}{{ merge (dict "store" "kv") .Values.settings | toYaml }}{{ else }}{{ toYaml .Values.settings }}{{ end }}
{{- end }}
