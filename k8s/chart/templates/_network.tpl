{{/* Peers of a policy. A namespace is its name, or labels of it. */}}
{{- define "bank.namespaces" -}}
{{- range . }}
- namespaceSelector:
    matchLabels:
      {{- if kindIs "string" . }}
      kubernetes.io/metadata.name: {{ . | quote }}
      {{- else }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
{{- end }}

{{- define "bank.dns" -}}
{{- $dns := .Values.networkPolicy.dns }}
- to:
    {{- include "bank.namespaces" (.Values.openshift | ternary (append $dns.namespaces "openshift-dns") $dns.namespaces) | nindent 4 }}
    {{- range $dns.cidrs }}
    - ipBlock:
        cidr: {{ quote . }}
    {{- end }}
  ports:
    {{- range .Values.openshift | ternary (append $dns.ports 5353 | uniq) $dns.ports }}
    - {protocol: UDP, port: {{ int . }}}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
{{- end }}

{{/* Annotations as templates; what comes out empty is left out. Called with the root and the annotations. */}}
{{- define "bank.annotations" -}}
{{- $root := index . 0 }}
{{- $rendered := dict }}
{{- range $name, $value := index . 1 }}
{{- with tpl $value $root }}{{ $_ := set $rendered $name . }}{{ end }}
{{- end }}
{{- if $rendered }}{{ toYaml $rendered }}{{ end }}
{{- end }}

{{- define "bank.publicUrl" -}}
{{ or .Values.route.enabled (ne .Values.tls.mode "none") | ternary "https" "http" }}://{{ .Values.host }}
{{- end }}

{{/* The port of an address, which is its own or that of its scheme. Called with the address and the scheme's. */}}
{{- define "bank.port" -}}
{{ regexReplaceAll `^[a-z]+://(?:[^/?#]*@)?(?:\[[^]]*\]|[^:/?#]*)(?::([0-9]+))?(?:[/?#].*)?$` (index . 0) "${1}" | default (index . 1) }}
{{- end }}

{{- define "bank.coingeckoPort" -}}
{{- $origin := .Values.settings.coingeckoOrigin }}
{{- include "bank.port" (list $origin (hasPrefix "https:" $origin | ternary "443" "80")) }}
{{- end }}
