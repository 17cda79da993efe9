{{/*
What a SpinApp cannot express, as JSON patches to the pods that the operator makes. It is written here as YAML, and bank.cel
turns it into CEL. The kubelet itself sleeps in preStop, so the image needs no shell. During the sleep the Service removes the pod.
Only then the pod gets SIGTERM, at which Spin ends at once.
*/}}
{{- define "bank.podPatch" -}}
{{- $grace := add .Values.podPolicy.drainSeconds 15 }}
{{- /* Field by field, because OpenShift has written its users into this object before. */}}
{{- range $field, $value := include "bank.podSecurity" (list . .Values.podPolicy.runAsUser) | fromYaml }}
/spec/securityContext/{{ $field }}: {{ toJson $value }}
{{- end }}
/spec/securityContext/sysctls:
  - {name: net.ipv4.ip_unprivileged_port_start, value: "0"}
/spec/terminationGracePeriodSeconds: {{ $grace }}
/spec/topologySpreadConstraints:
{{- range list .Values.podPolicy.spreadOver "kubernetes.io/hostname" | uniq }}
  - maxSkew: 1
    topologyKey: {{ quote . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "bank.appSelector" $ | nindent 8 }}
{{- end }}
{{- with .Values.podPolicy.affinity }}
/spec/affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
/spec/containers/0/securityContext/allowPrivilegeEscalation: false
/spec/containers/0/securityContext/readOnlyRootFilesystem: true
{{- /*
`drop` is not enough: containerd would pass an empty set to the shim, whose library then changes no capability.
With one capability in `add`, only that one is left. `restricted` allows it.
*/}}
/spec/containers/0/securityContext/capabilities:
  drop: [ALL]
  add: [NET_BIND_SERVICE]
/spec/containers/0/startupProbe:
  httpGet:
    path: {{ .Values.probes.startup.path | quote }}
    port: 80
  {{- omit .Values.probes.startup "path" | toYaml | nindent 2 }}
/spec/containers/0/lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.podPolicy.drainSeconds }}
{{- end }}

{{/* A value as a CEL literal. All members of a CEL map or list have one type: dyn() allows any. */}}
{{- define "bank.cel" -}}
{{- if kindIs "map" . -}}
dyn({ {{- $comma := "" }}{{ range $key, $value := . }}{{ $comma }}{{ quote $key }}: {{ include "bank.cel" $value }}{{ $comma = ", " }}{{ end -}} })
{{- else if kindIs "slice" . -}}
dyn([ {{- $comma := "" }}{{ range . }}{{ $comma }}{{ include "bank.cel" . }}{{ $comma = ", " }}{{ end -}} ])
{{- else if kindIs "float64" . -}}
dyn({{ int64 . }})
{{- else -}}
dyn({{ toJson . }})
{{- end }}
{{- end }}

{{/* A policy for objects of the operator, and its binding. Arguments: the root, a suffix, the resource and the expression of the patches. */}}
{{- define "bank.policy" -}}
{{- $root := get . "root" }}
{{- $name := printf "%s-%s%s" $root.Release.Namespace (include "bank.name" $root) .suffix }}
- apiVersion: {{ include "bank.podPolicyVersion" $root }}
  kind: MutatingAdmissionPolicy
  metadata:
    name: {{ $name }}
    labels:
      {{- include "bank.labels" (list $root "pod-policy") | nindent 6 }}
  spec:
    failurePolicy: Fail
    reinvocationPolicy: Never
    matchConstraints:
      namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $root.Release.Namespace | quote }}
      objectSelector:
        {{- include "bank.appsSelector" $root | trim | nindent 8 }}
      resourceRules:
        - apiGroups: [{{ .group | quote }}]
          apiVersions: [v1]
          operations: {{ toJson .operations }}
          resources: [{{ .resource }}]
    {{- with .condition }}
    matchConditions:
      - name: applies
        expression: {{ toJson . }}
    {{- end }}
    mutations:
      - patchType: JSONPatch
        jsonPatch:
          expression: |
            {{- .patches | nindent 12 }}
- apiVersion: {{ include "bank.podPolicyVersion" $root }}
  kind: MutatingAdmissionPolicyBinding
  metadata:
    name: {{ $name }}
    labels:
      {{- include "bank.labels" (list $root "pod-policy") | nindent 6 }}
  spec:
    policyName: {{ $name }}
{{- end }}

{{- define "bank.podPatches" -}}
(has(object.spec.containers[0].securityContext) ? [] : [JSONPatch{op: "add", path: "/spec/containers/0/securityContext", value: dyn({})}]) +
{{- with .Values.tolerations }}
(has(object.spec.tolerations) ? [] : [JSONPatch{op: "add", path: "/spec/tolerations", value: dyn([])}]) +
{{- end }}
[
{{- range $path, $value := fromYaml (include "bank.podPatch" .) }}
  JSONPatch{op: "add", path: {{ quote $path }}, value: {{ include "bank.cel" $value }}},
{{- end }}
{{- range .Values.tolerations }}
  JSONPatch{op: "add", path: "/spec/tolerations/-", value: {{ include "bank.cel" . }}},
{{- end }}
]
{{- end }}

{{/*
With an autoscaler the operator leaves the number of replicas out, and the API server sets it to 1: at the first installation, and
when autoscaling is turned on, until the autoscaler acts. This patch sets the minimum instead. A new policy takes effect only after a
second, so this one always exists. It applies to Deployments with an annotation, which the operator copies from the SpinApp.
*/}}
{{- define "bank.replicasPatch" -}}
{{- $least := `int(object.metadata.annotations["money-bank/min-replicas"])` -}}
[JSONPatch{op: "replace", path: "/spec/replicas", value: dyn(
  oldObject != null && oldObject.spec.replicas > {{ $least }} ? int(oldObject.spec.replicas) : {{ $least }})}]
{{- end }}

{{- define "bank.podPolicy" -}}
{{ include "bank.policy" (dict "root" . "suffix" "" "group" "" "resource" "pods" "operations" (list "CREATE")
  "condition" "" "patches" (include "bank.podPatches" .)) }}
{{ include "bank.policy" (dict "root" . "suffix" "-replicas" "group" "apps" "resource" "deployments" "operations" (list "CREATE" "UPDATE")
  "condition" `object.spec.replicas == 1 && has(object.metadata.annotations) && "money-bank/min-replicas" in object.metadata.annotations`
  "patches" (include "bank.replicasPatch" .)) }}
{{- end }}
