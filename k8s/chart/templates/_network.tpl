{{/* Namespaces as peers of a network policy. A namespace is given by its name or by its labels. */}}
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

{{/* Annotations whose values are templates. Empty results are left out. Arguments: the root and the annotations. */}}
{{- define "bank.annotations" -}}
{{- $root := index . 0 }}
{{- $rendered := dict }}
{{- range $name, $value := index . 1 }}
{{- with tpl $value $root }}{{ $_ := set $rendered $name . }}{{ end }}
{{- end }}
{{- if $rendered }}{{ toYaml $rendered }}{{ end }}
{{- end }}

{{/* The Gateway in front of the application: the one that the chart makes, or the parent. */}}
{{- define "bank.gatewayName" -}}
{{ .Values.gateway.parent.name | default (include "bank.name" .) }}
{{- end }}

{{- define "bank.gatewayNamespace" -}}
{{ .Values.gateway.parent.namespace | default .Release.Namespace }}
{{- end }}

{{/* The Gateway's proxies as a peer of a network policy, for a class that runs them in the Gateway's namespace. */}}
{{- define "bank.gatewayPeer" -}}
{{- $namespace := include "bank.gatewayNamespace" . -}}
- podSelector:
    matchLabels:
      gateway.networking.k8s.io/gateway-name: {{ include "bank.gatewayName" . | quote }}
  {{- if ne $namespace .Release.Namespace }}
  namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ quote $namespace }}
  {{- end }}
{{- end }}

{{/* The namespace in a host name of the cluster, such as `monitoring` in http://collector.monitoring.svc:4318. Empty: there is none. */}}
{{- define "bank.namespaceOfHost" -}}
{{- $pattern := `^(?:https?://)?[a-z0-9-]+\.([a-z0-9-]+)(?:\.svc(?:\.[a-z0-9.-]+)?)?(?::[0-9]+)?$` }}
{{- if regexMatch $pattern . }}{{ regexReplaceAll $pattern . "${1}" }}{{ end }}
{{- end }}

{{- define "bank.publicUrl" -}}
{{ or .Values.route.enabled (ne .Values.tls.mode "none") | ternary "https" "http" }}://{{ .Values.host }}
{{- end }}

{{/* The port of an address. Arguments: the address, and the port if the address has none. */}}
{{- define "bank.port" -}}
{{ regexReplaceAll `^[a-z]+://(?:[^/?#]*@)?(?:\[[^]]*\]|[^:/?#]*)(?::([0-9]+))?(?:[/?#].*)?$` (index . 0) "${1}" | default (index . 1) }}
{{- end }}

{{- define "bank.portOfUrl" -}}
{{- include "bank.port" (list . (hasPrefix "https:" . | ternary "443" "80")) }}
{{- end }}

{{/* The address that the keys of tokens are fetched from. Empty: keys are not fetched. */}}
{{- define "bank.keysUrl" -}}
{{- with .Values.auth }}
{{- if and (eq .mode "jwt") (not .secret.secretName) }}{{ .jwksUrl | default .issuer }}{{ end }}
{{- end }}
{{- end }}

{{/* The namespace of an issuer in the cluster, such as `login` in https://keycloak.login.svc/realms/bank. Empty: the issuer is outside. A
name that only begins like that, such as keycloak.login.svc.example.com, is outside too. */}}
{{- define "bank.issuerNamespace" -}}
{{- $pattern := `^https?://[a-z0-9-]+\.([a-z0-9-]+)\.svc(\.cluster\.local)?\.?(:[0-9]+)?(/.*)?$` }}
{{- $url := include "bank.keysUrl" . }}
{{- if regexMatch $pattern $url }}{{ regexReplaceAll $pattern $url "${1}" }}{{ end }}
{{- end }}

{{/* The ports that the application may connect to outside of the cluster. */}}
{{- define "bank.publicPorts" -}}
{{- $ports := list (include "bank.portOfUrl" .Values.settings.coingeckoOrigin) }}
{{- $url := include "bank.keysUrl" . }}
{{- if and $url (not (include "bank.issuerNamespace" .)) }}{{ $ports = append $ports (include "bank.portOfUrl" $url) }}{{ end }}
{{- uniq $ports | toYaml }}
{{- end }}

{{/* The pods of the gateway that is trusted to identify users, as peers of a network policy. */}}
{{- define "bank.trustedPeers" -}}
{{- range .Values.networkPolicy.ingressNamespaces }}
{{- $namespace := include "bank.namespaces" (list .) | fromYamlArray | first }}
{{- merge (dict "podSelector" (dict "matchLabels" $.Values.auth.gatewayPods)) $namespace | list | toYaml | nindent 0 }}
{{- end }}
{{- end }}
