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

{{/* There is no default: whatever it were, it would shut somebody's controller out. */}}
{{- define "bank.ingressIsNamed" -}}
{{- if and (or .Values.ingress.enabled .Values.gateway.enabled) (not .Values.networkPolicy.ingressNamespaces) (not .Values.gateway.inNamespace) }}
{{- fail "\nnetworkPolicy.ingressNamespaces: in which namespace does your ingress controller run? Nobody else may call the bank.\n  --values k8s/chart/controllers/<yours>.yaml                 the usual one, and all else that the controller needs\n  --set 'networkPolicy.ingressNamespaces={my-ingress}'        another one" }}
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
